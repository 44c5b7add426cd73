import json
import shutil
from xml.etree import ElementTree

import pytest

from bench import results
from bench.figures import FLOOR, OURS, RIE, Figure
from bench.programs import Programs

FIGURE = Figure.of("p50, <µs>", {OURS: [10.0, 30.0, 20.0], RIE: [20.0, 40.0, 80.0], FLOOR: [5.0, 6.0, 7.0]})
OURS_ALONE = Figure.of("many clients", {OURS: [1234.5]})


def test_a_ratio_is_the_median_of_the_ratios_of_the_rounds() -> None:
    assert Figure("p50, <µs>", 20.0, 40.0, ratio=0.5, low=0.25, high=0.75, floor=6.0) == FIGURE


def test_what_rie_does_not_live_through_has_no_ratio() -> None:
    assert Figure("many clients", 1234.5) == OURS_ALONE


def test_every_row_of_the_table_is_as_wide_as_the_heading() -> None:
    lines = [*results.heading().splitlines(), results.row(FIGURE), results.row(OURS_ALONE)]

    assert len({len(line) for line in lines}) == 1


def test_the_json_has_the_documented_members_alone() -> None:
    assert json.loads(results.as_json([FIGURE, OURS_ALONE])) == [
        {"figure": "p50, <µs>", "ours": 20.0, "rie": 40.0, "ratio": 0.5, "low": 0.25, "high": 0.75},
        {"figure": "many clients", "ours": 1234.5, "rie": None, "ratio": None, "low": None, "high": None},
    ]


def test_the_picture_is_well_formed_and_shows_what_has_a_ratio() -> None:
    texts = [element.text for element in ElementTree.fromstring(results.as_svg([FIGURE, OURS_ALONE])).iter()]

    assert "p50, <µs>" in texts
    assert "many clients" not in texts


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_the_programs_compile_without_a_warning(tmp_path_factory: pytest.TempPathFactory) -> None:
    programs = Programs.compile(tmp_path_factory.mktemp("programs"), "-Werror")

    assert programs.load.exists()
