"""Reads a page of metrics strictly: standard input → JSON, or an error.

Prometheus' own Python library parses it; what it lets pass (text format 0.0.4,
https://prometheus.io/docs/instrumenting/exposition_formats/) is looked at here.
"""
import json
import math
import re
import sys

from prometheus_client.parser import text_string_to_metric_families

LINE = re.compile(
    r'^(# HELP [a-zA-Z_:][\w:]* .*|# TYPE [a-zA-Z_:][\w:]* (counter|gauge|histogram)|'
    r'[a-zA-Z_:][\w:]*(\{[a-zA-Z_]\w*="([^"\\\n]|\\[\\n"])*"(,[a-zA-Z_]\w*="([^"\\\n]|\\[\\n"])*")*\})?'
    r' (NaN|[+-]Inf|-?\d+(\.\d+)?(e[+-]\d+)?))$', re.ASCII)


def check_lines(text):
    assert text.endswith("\n"), "no line break at the end"
    typed, seen, current = set(), set(), None
    for line in text[:-1].split("\n"):
        assert LINE.match(line), f"not a line of the format: {line!r}"
        if line.startswith("# TYPE"):
            current = line.split(" ")[2]
            assert current not in typed, f"twice: {line}"
            typed.add(current)
        elif not line.startswith("#"):
            series = line.rsplit(" ", 1)[0]
            assert series not in seen, f"twice: {line}"
            seen.add(series)
            name = re.sub(r"_(bucket|sum|count)$", "", series.split("{")[0])
            assert current in (name, series.split("{")[0]), f"not below its TYPE: {line}"


def check_histogram(family):
    series = {}
    for s in family.samples:
        labels = tuple(sorted((k, v) for k, v in s.labels.items() if k != "le"))
        series.setdefault(labels, []).append(s)
    for labels, samples in series.items():
        buckets = [(float(s.labels["le"]), s.value) for s in samples if s.name.endswith("_bucket")]
        count = [s.value for s in samples if s.name.endswith("_count")]
        total = [s.value for s in samples if s.name.endswith("_sum")]
        assert len(count) == len(total) == 1, labels
        assert buckets == sorted(buckets) and len(dict(buckets)) == len(buckets), labels
        assert [n for _, n in buckets] == sorted(n for _, n in buckets), labels
        assert buckets[-1] == (math.inf, count[0]), labels


text = sys.stdin.buffer.read().decode("utf-8")
check_lines(text)
result = []
for family in text_string_to_metric_families(text):
    assert family.documentation, f"{family.name} has no HELP"
    if family.type == "histogram":
        check_histogram(family)
    if family.type == "counter":
        assert all(s.name.endswith("_total") for s in family.samples), family.name
    result += [[s.name, s.labels, s.value] for s in family.samples]
print(json.dumps(result))
