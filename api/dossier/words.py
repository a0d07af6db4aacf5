"""Words of the dossier in both languages."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, tuple[str, str]] = {
    "kicker": ("STATION DOSSIER · CALIBRATED MOLE FRACTIONS", "台站档案 · 标定后的温室气体摩尔分数"),
    "summary": ("Where the station stands", "总体情况"),
    "summary_note": (
        "● goal met, × missed, – nothing to judge by. Coverage: good hours of those due since the station's first "
        "hour. CMR: standard deviation of means of one minute and one hour of a tank measured for 24 h on end. LTR: "
        "that of the means of repeated runs of the target, the largest of the months. Bias: of good target runs, the "
        "largest monthly mean. Goals: bias by WMO/GAW or the station file; CMR and LTR by ICOS' station "
        "specifications (doi:10.18160/GK28-2188).",
        "● 达标，× 未达标，– 无可判断。有效率：自台站首个小时起应有小时中的良好小时。"
        "CMR：连续测量一瓶气 24 小时的分钟均值与小时均值的标准差。"
        "LTR：目标气重复测量均值的标准差，取各月最大者。偏差：良好的目标气测量，取绝对值最大的月均值。"
        "目标：偏差依 WMO/GAW 或站点文件；CMR 与 LTR 依 ICOS 台站规范（doi:10.18160/GK28-2188）。",
    ),
    "gas": ("Gas", "气体"),
    "coverage": ("Coverage", "有效率"),
    "cmr_minute": ("CMR 1 min", "CMR 1 分钟"),
    "cmr_hour": ("CMR 1 h", "CMR 1 小时"),
    "ltr": ("LTR", "LTR"),
    "bias": ("Bias", "偏差"),
    "goal": ("goal", "目标"),
    "hours": ("Coverage per month", "逐月有效率"),
    "hours_note": (
        "Months of local standard time. Due: hours since the station's first hour, until the end of the period or now.",
        "按地方标准时分月。应有：自台站首个小时起，至时段末或当前。",
    ),
    "month": ("Month", "月份"),
    "due": ("Due [h]", "应有 [h]"),
    "good": ("Good", "良好"),
    "provisional": ("Provisional", "暂定"),
    "suspect": ("Suspect", "可疑"),
    "targets": ("Target tanks per month", "逐月目标气"),
    "no_targets": ("No run of a target in this period.", "该时段没有目标气测量。"),
    "targets_note": (
        "Bias: measured minus assigned, of good runs. Within: share of the runs within the goal. A dash: too few runs "
        "(LTR: fewer than 3), or no continuous run of a day (CMR).",
        "偏差：良好测量的测量值减定值。之内：在目标之内的测量比例。"
        "短横：次数太少（LTR 少于 3 次），或没有连续一天的测量（CMR）。",
    ),
    "runs": ("Runs", "次数"),
    "mean_bias": ("Mean bias", "平均偏差"),
    "largest_bias": ("Largest bias", "最大偏差"),
    "within": ("Within", "之内"),
    "tanks": ("Tanks", "气瓶"),
    "tank": ("Tank", "气瓶"),
    "role": ("Role", "用途"),
    "port": ("Port", "端口"),
    "since": ("Since", "起止"),
    "assigned": ("Assigned", "定值"),
    "history": ("History", "历史"),
    "always": ("the beginning", "开始"),
    "unknown_tank": ("not registered", "未登记"),
    "line_tests": ("Tests of sampling lines", "采样管路测试"),
    "no_line_tests": ("No test of a sampling line in this period.", "该时段没有采样管路测试。"),
    "time": ("Time", "时间"),
    "what": ("What", "内容"),
    "found": ("Found", "发现"),
    "result": ("Result", "结果"),
    "done": ("entered", "录入"),
    "passed": ("passed", "通过"),
    "failed": ("failed", "未通过"),
    "alarms": ("Alarms", "报警"),
    "no_alarms": ("No alarm in this period.", "该时段没有报警。"),
    "alarms_note": ("The newest {shown} of {all}: {counts}.", "共 {all} 条，列出最新 {shown} 条：{counts}。"),
    "remedy": ("What to do", "处理办法"),
    "comparisons": ("Comparisons with other laboratories", "与其他实验室的比对"),
    "no_comparisons": ("No flask and no round-robin tank in this period.", "该时段没有瓶采样或循环比对。"),
    "where": ("Where", "何处"),
    "theirs": ("Theirs", "对方"),
    "ours": ("Ours", "本站"),
    "difference": ("Ours minus theirs", "本站减对方"),
    "no_value": ("no value", "没有值"),
    "work": ("Visits, weekly checks, recomputations", "现场维护、每周检查与重新计算"),
    "no_work": ("Nothing was entered and nothing computed again.", "没有录入，也没有重新计算。"),
    "reviews": ("Review", "审核"),
    "no_reviews": ("No month with data has ended yet.", "还没有已结束的有数据月份。"),
    "reviews_note": (
        "A month is reviewed by the station, then by the centre; what is computed again after that is to review again.",
        "每月数据先由台站审核，再由中心审核；此后重新计算的数据须重新审核。",
    ),
    "subject": ("Subject", "项目"),
    "state": ("State", "状态"),
    "why": ("By whom, or why", "审核人或原因"),
    "to review": ("to review", "待审核"),
    "station": ("station", "台站"),
    "centre": ("centre", "中心"),
    "overdue": ("overdue", "逾期"),
    "origin": ("What these figures rest on", "数据来源"),
    "made": ("made", "生成时间"),
    "program": ("program", "程序"),
    "station_files": ("station files (SHA-256)", "站点文件（SHA-256）"),
    "tank_files": ("tank files (SHA-256)", "气瓶文件（SHA-256）"),
    "newest": ("newest computation", "最近一次计算"),
    "title": ("Dossier of {name}", "{name} 台站档案"),
    "period": ("{first} to {last}", "{first} 至 {last}"),
    "above_ground": ("{gas} at {intake}, {height} m above ground", "{gas}，进气口 {intake}，离地 {height} m"),
    "target_title": ("{gas} of target {tank}; goal ±{goal} {unit}", "目标气 {tank} 的 {gas}；目标 ±{goal} {unit}"),
}
"""Key -> English and Chinese."""


def words_in(language: str) -> dict[str, str]:
    """Return the words of a language."""
    return {key: said[1] if language == "zh" else said[0] for key, said in WORDS.items()}
