from concurrent.futures import ThreadPoolExecutor

import pytest

from ndsc.process import map_ahead


def test_calls_ahead_of_need_are_limited_and_results_arrive_in_order():
    started: list[int] = []

    def double(item: int) -> int:
        started.append(item)
        return 2 * item

    with ThreadPoolExecutor(4) as threads:
        results = map_ahead(threads, double, range(100), 5)
        assert [next(results) for _ in range(10)] == list(range(0, 20, 2))
        assert len(started) <= 15
        results.close()
    assert len(started) <= 15


def test_an_error_in_a_call_ahead_is_raised_in_its_turn():
    with ThreadPoolExecutor(4) as threads:
        results = map_ahead(threads, lambda item: 1 // item, (2, 1, 0, 1), 3)
        assert [next(results), next(results)] == [0, 1]
        with pytest.raises(ZeroDivisionError):
            next(results)
