"""Words about calibrated mole fractions in both languages: what events, reasons and tanks are called, and remedies."""

from __future__ import annotations

from collections.abc import Mapping

from core.store.mole_fractions import StationEvent
from qc.mole_fraction.series import REASONS

ALARM = "mole fraction "
"""What the kind of an event begins with that was found, and not done by a person."""
REMEDIES: Mapping[str, tuple[str, str]] = {
    "target": (
        "measure the target again; if it stays off, check the standards' pressure and assignments, the regulators and "
        "the lines to the valve",
        "重新测量目标气；若仍有偏差，检查标准气压力与定值、减压阀及至切换阀的管路",
    ),
    "reference": (
        "check the flow and the regulator of the reference tank",
        "检查参考气瓶的流量和减压阀",
    ),
    "tank": (
        "compare the serial of the tank at the port with the station file, and its assignment with the certificate; "
        "look for a leak at its regulator",
        "核对该端口的气瓶编号与站点文件、定值与证书是否一致；检查减压阀是否漏气",
    ),
    "scale": (
        "correct the scale in the tank's file and register it again with `fluxtower tank add`: all is computed again",
        "在气瓶文件中更正标尺，并用 `fluxtower tank add` 重新登记；全部数据将重新计算",
    ),
    "water": (
        "determine the coefficients of the water correction anew and enter them with their date in the station file",
        "重新测定水汽修正系数，并注明日期写入站点文件",
    ),
    "line_test": (
        "look for a leak between inlet and analyser, then test the line again",
        "检查进气口至分析仪之间是否漏气，然后重新进行管路测试",
    ),
}
"""Kind of an alarm -> what to do, English and Chinese."""
KINDS: Mapping[str, tuple[str, str]] = {
    "target": ("target", "目标气"),
    "reference": ("reference", "参考气"),
    "tank": ("tank", "气瓶"),
    "scale": ("scale", "标尺"),
    "water": ("water correction", "水汽修正"),
    "line_test": ("test of a sampling line", "采样管路测试"),
    "recomputed": ("computed again", "重新计算"),
    "weekly_check": ("weekly check", "每周检查"),
    "visit": ("visit", "现场维护"),
    "flask": ("flask", "瓶采样比对"),
    "round_robin": ("round robin", "循环比对"),
}
CHINESE_ALARMS: Mapping[str, str] = {
    "target": "{about}：{gas} 偏差 {value}",
    "reference": "{about}：一次 {gas} 测量与前后相差 {value}",
    "tank": "{about}：{gas} 与其他气瓶不符",
    "scale": "{about}：{gas} 的定值像是在另一标尺上",
    "water": "{about}：{gas} 的水汽修正偏差 {value}",
    "line_test": "{about}：{gas} 偏差 {value}",
}
"""Kind of an alarm -> what it says; ``value`` of tanks and scales is a test's figure, and is not told."""
SEVERITIES: Mapping[str, tuple[str, str]] = {
    "info": ("note", "信息"),
    "warning": ("warning", "警告"),
    "critical": ("critical", "严重"),
}
ROLES: Mapping[str, tuple[str, str]] = {
    "reference": ("reference", "参考气"),
    "standard": ("standard", "标准气"),
    "target": ("target", "目标气"),
}
CHINESE_REASONS: Mapping[str, str] = {
    "valve": "阀门：此时该端口没有声明",
    "missing": "缺测：分析仪没有给出数值，或数值不可能",
    "instrument": "仪器：超出规则表的限值",
    "flush": "冲洗：阀门刚切换",
    "warm-up": "预热：分析仪刚从中断中恢复",
    "water": "水汽：缺测、为负值或超过空气所能容纳，无法得到干空气值",
    "reference": "参考气：不在同一参考气瓶的两次测量之间",
    "calibration": "标定：附近没有可用的标定",
    "spike": "尖峰：附近排放源的短时高值",
    "event": "事件：测试或现场维护",
    "drift": "漂移：参考气测量次数太少，无法估计漂移，因此没有不确定度",
}
"""Name of a check -> its reason."""


def choose_words(words: tuple[str, str], language: str) -> str:
    """Return English or Chinese words."""
    return words[1] if language == "zh" else words[0]


def remedy_of(kind: str, severity: str, language: str) -> str:
    """Return what to do about an event, empty if there is nothing."""
    words = REMEDIES.get(kind.removeprefix(ALARM))
    return "" if words is None or severity == "info" or not kind.startswith(ALARM) else choose_words(words, language)


def kind_words(kind: str, language: str) -> str:
    """Return what an event's kind is called."""
    name = kind.removeprefix(ALARM)
    return choose_words(KINDS.get(name, (name, name)), language)


def message_words(event: StationEvent, language: str) -> str:
    """Return what an event says; in Chinese an alarm is told by its numbers."""
    words = CHINESE_ALARMS.get(event.kind.removeprefix(ALARM))
    value = event.data.get("value")
    if language != "zh" or not event.kind.startswith(ALARM) or words is None or value is None:
        return event.message
    return words.format(about=event.data["about"], gas=event.data["gas"], value=f"{value:+.3f}".replace("-", "−"))


def reason_words(language: str) -> dict[str, str]:
    """Return the reasons that values have, each as it is told in a language."""
    if language != "zh":
        return {}
    return {text: CHINESE_REASONS[text.partition(":")[0]] for text in REASONS.values()}
