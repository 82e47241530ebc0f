"""Which hours a stream's round takes, and what becomes of those that fail."""

from __future__ import annotations

from clickstream_platform.streaming.turns import LONGEST_UNBUILT, NEWEST, Turns

TEN, ELEVEN = "2024-11-29T10", "2024-11-29T11"
NEVER = -1


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def hours(count: int) -> list[str]:
    return [f"2024-11-{1 + number // 24:02d}T{number % 24:02d}" for number in range(count)]


def test_the_newest_hours_are_never_kept_waiting_and_each_of_a_backlog_gets_its_turn() -> None:
    all_hours = hours(100)
    built_from = dict.fromkeys(all_hours, NEVER)
    turns = Turns(max_failures=3)
    for version in range(20):  # lines keep coming for all of them: none is ever up to date
        together, alone = turns.next(built_from)
        assert together == sorted(together)
        assert set(all_hours[-NEWEST:]) <= {*together}
        assert len(together) == NEWEST + LONGEST_UNBUILT
        assert alone == []
        built_from |= dict.fromkeys(together, version)
    assert min(built_from.values()) >= 20 - 1 - (100 - NEWEST) // LONGEST_UNBUILT


def test_few_hours_are_built_together() -> None:
    assert Turns(max_failures=3).next(dict.fromkeys(hours(30), NEVER)) == (hours(30), [])
    assert Turns(max_failures=3).next({}) == ([], [])


def test_an_hour_that_failed_is_tried_alone_after_longer_and_longer_pauses_then_given_up() -> None:
    clock = Clock()
    turns = Turns(max_failures=3, clock=clock)
    stale = {TEN: 7, ELEVEN: 7}
    assert not turns.failed(TEN, "first", built_from=7)
    for pause_s in (5, 10):
        clock.now += pause_s - 1
        assert turns.next(stale) == ([ELEVEN], [])
        clock.now += 1
        assert turns.next(stale) == ([ELEVEN], [TEN])
        is_given_up = turns.failed(TEN, f"after {pause_s}", built_from=7)
    assert is_given_up
    assert turns.given_up == {TEN: "after 10"}
    assert turns.failing == {TEN: "after 10"}
    clock.now += 599
    assert turns.next(stale) == ([ELEVEN], [])
    clock.now += 1  # somebody may have mended the cause
    assert turns.next(stale) == ([ELEVEN], [TEN])
    assert not turns.failed(TEN, "again", built_from=7)  # it was told


def test_a_success_ends_the_count() -> None:
    clock = Clock()
    turns = Turns(max_failures=2, clock=clock)
    turns.failed(TEN, "bad", built_from=7)
    clock.now += 5
    turns.built([TEN])
    assert turns.next({TEN: 8}) == ([TEN], [])
    assert not turns.failed(TEN, "bad", built_from=8)


def test_an_hour_that_was_given_up_is_taken_again_once_somebody_built_it() -> None:
    turns = Turns(max_failures=1)
    assert turns.failed(TEN, "bad", built_from=7)
    assert turns.next({TEN: 7}) == ([], [])
    assert turns.next({TEN: 9}) == ([TEN], [])  # built, and stale again by newer lines
    assert turns.given_up == {}
    assert turns.failed(TEN, "bad", built_from=9)
    assert turns.next({}) == ([], [])  # built
    assert turns.given_up == {}


def test_an_hour_that_nobody_else_builds_is_tried_on_and_on() -> None:
    clock = Clock()
    turns = Turns(max_failures=1, is_nobody_else=True, clock=clock)
    for pause_s in (5, 10, 20, 40, 80, 120, 120):
        turns.failed(TEN, "bad", built_from=NEVER)
        assert turns.given_up == {TEN: "bad"}
        clock.now += pause_s - 1
        assert turns.next({TEN: NEVER}) == ([], [])
        clock.now += 1
        assert turns.next({TEN: NEVER}) == ([], [TEN])
    turns.built([TEN])
    assert turns.given_up == {}
