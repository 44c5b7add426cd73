import json
import xml.etree.ElementTree as ET

from supervisor.impact.comparison import Impact, Spread
from supervisor.impact.picture import picture
from supervisor.impact.presentation import Experiment, as_json, table

SLOW = Impact(
    "slow",
    init_ms=Spread(12.34, 11.0, 14.0),
    duration_ms=Spread(51.2, 50.3, 52.0),
    billed_ms=Spread(51, 50, 52),
    memory_mb=Spread(9, 9, 10),
    cost_per_million=Spread(0.8501, 0.83, 0.87),
)
LIGHT = Impact("<light>", duration_ms=Spread(-0.2, -0.6, 0.3))
NEEDED = Impact("secrets", failure="KeyError")
EXPERIMENT = Experiment(rounds=10, events=3, memory_size_mb=1024, price=0.0000166667)

TABLE = """\
10 rounds of 3 events, 1024 MB at 0.0000166667 per GB-second

extension           init ms             duration ms         billed ms       memory MB        cost per million
---------  ----------------  ----------------------  ----------------  --------------  ----------------------
slow       +12 (+11 to +14)  +51.2 (+50.3 to +52.0)  +51 (+50 to +52)  +9 (+9 to +10)  +0.85 (+0.83 to +0.87)
<light>                   -     -0.2 (-0.6 to +0.3)                 -               -                       -
secrets                   -                       -                 -               -                       -
secrets: without it the function fails with KeyError

What each extension adds: the median of the differences, in brackets their middle half. Where that lies around 0,
no difference was found. The cost is that of warm invocations; Init is billed beside it, once for each start.
"""


def test_the_table_has_a_row_for_each_extension_and_says_what_was_done_and_how_to_read_it() -> None:
    assert table([SLOW, LIGHT, NEEDED], EXPERIMENT) == TABLE


def test_one_round_of_one_event_is_not_spoken_of_in_the_plural() -> None:
    assert str(Experiment(1, 1, 128, 0.5)).startswith("1 round of 1 event, ")


def test_the_json_has_what_the_table_has_and_null_for_what_was_not_measured() -> None:
    document = json.loads(as_json([LIGHT], EXPERIMENT))

    assert document == {
        "rounds": 10,
        "events": 3,
        "memory_size_mb": 1024,
        "price": 0.0000166667,
        "extensions": [
            {
                "extension": "<light>",
                "init_ms": None,
                "duration_ms": {"median": -0.2, "low": -0.6, "high": 0.3},
                "billed_ms": None,
                "memory_mb": None,
                "cost_per_million": None,
                "failure": "",
            }
        ],
    }


def test_the_picture_is_an_svg_with_every_name_and_a_bar_for_whatever_was_measured() -> None:
    drawing = ET.fromstring(picture([SLOW, LIGHT, NEEDED], EXPERIMENT))
    svg = {"svg": "http://www.w3.org/2000/svg"}

    texts = [element.text for element in drawing.iterfind("svg:text", svg)]
    bars = [element.get("class") for element in drawing.iterfind("svg:rect", svg)][1:]

    assert {"slow", "<light>", "secrets"} <= set(texts)
    assert bars == ["bar", "bar", "less", "bar"]


def test_the_picture_of_differences_that_are_all_zero_can_be_drawn() -> None:
    nothing = Spread(0.0, 0.0, 0.0)

    assert (
        ET.fromstring(picture([Impact("light", nothing, nothing, nothing, nothing, nothing)], EXPERIMENT)) is not None
    )
