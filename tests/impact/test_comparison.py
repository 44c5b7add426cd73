from hypothesis import given
from hypothesis import strategies as st

from supervisor.impact.comparison import Impact, Spread, compare
from supervisor.impact.run_log import Run

NUMBERS = st.floats(-1e6, 1e6)


def run(init_ms: float | None, *durations_ms: float, used: int = 50) -> Run:
    return Run(("slow",), init_ms, durations_ms, memory_used_mb=used, memory_size_mb=1024)


def test_the_same_event_of_the_same_round_is_compared_with_and_without() -> None:
    pairs = [
        (run(120.0, 60.5, 160.0, used=70), run(100.0, 10.5, 110.0)),
        # The machine was slower in this round, for both.
        (run(300.0, 350.5, 450.0, used=72), run(270.0, 300.5, 400.0)),
    ]

    impact = compare("slow", pairs, price=0.00001)

    assert impact == Impact(
        "slow",
        init_ms=Spread(25.0, 22.5, 27.5),
        duration_ms=Spread(50.0, 50.0, 50.0),
        billed_ms=Spread(50.0, 50.0, 50.0),
        memory_mb=Spread(21.0, 20.5, 21.5),
        # 0.05 s of 1 GB, a million times.
        cost_per_million=Spread(0.5, 0.5, 0.5),
    )


def test_a_round_whose_init_failed_says_nothing_of_init() -> None:
    impact = compare("slow", [(run(None, 1.0), run(2.0, 1.0))], price=1.0)

    assert impact.init_ms is None
    assert impact.duration_ms == Spread(0.0, 0.0, 0.0)


def test_nothing_has_no_spread() -> None:
    assert Spread.of([]) is None


@given(st.lists(NUMBERS, min_size=1))
def test_the_median_lies_between_the_borders_and_these_among_the_differences(differences: list[float]) -> None:
    spread = Spread.of(differences)

    assert spread is not None
    assert min(differences) <= spread.low <= spread.median <= spread.high <= max(differences)
