"""Which moment is shown: the newest one, or one in the past, still or moving.

Thread safety: one thread.
"""

from __future__ import annotations

from armature.view.timeline import Timeline


class Playback:
    """Live, it shows what came last. Otherwise its own time moves at `speed`, and stops at the
    end of a recording; of a live timeline, it goes on live there."""

    def __init__(self, timeline: Timeline, *, live: bool) -> None:
        self.speed = 1.0
        self.paused = False
        self._timeline = timeline
        self._has_live = live
        self._follows = live
        self._clock_s = 0.0
        self._number = 0

    @property
    def follows(self) -> bool:
        """Whether the newest moment is shown."""
        return self._follows and not self.paused

    @property
    def is_still(self) -> bool:
        """Whether nothing would move without new moments or the user."""
        bounds = self._timeline.bounds()
        return self.paused or self.follows or not bounds or self._number >= bounds[-1]

    @property
    def plays(self) -> bool:
        """Whether time goes on: not paused, and not at the end of a recording."""
        bounds = self._timeline.bounds()
        at_end = not self._has_live and bool(bounds) and self._number >= bounds[-1]
        return not self.paused and not at_end

    def pause(self, paused: bool) -> None:
        if paused and self._follows:
            self.seek(self.number())
            self._follows = False
        self.paused = paused

    def follow(self) -> None:
        """Shows the newest moment from here on; of a recording, begins it again."""
        self.paused = False
        self._follows = self._has_live
        if not self._has_live:
            self.seek(0)

    def seek(self, number: int) -> None:
        """Shows that moment, and goes on from there."""
        bounds = self._timeline.bounds()
        if not bounds:
            return
        self._number = min(max(number, bounds[0]), bounds[-1])
        self._clock_s = self._timeline.at(self._number).clock_s
        self._follows = self._has_live and self._number == bounds[-1]

    def advance(self, seconds: float) -> None:
        """So much wall time has passed."""
        bounds = self._timeline.bounds()
        if self.paused or self._follows or not bounds:
            return
        end_s = self._timeline.at(bounds[-1]).clock_s
        begin_s = self._timeline.at(bounds[0]).clock_s
        self._clock_s = min(max(self._clock_s + seconds * self.speed, begin_s), end_s)
        self._number = self._timeline.number_at(self._clock_s)
        if self._has_live and self._clock_s >= end_s:
            self._follows = True

    def number(self) -> int:
        """Of the moment to show; 0 if there is none yet."""
        bounds = self._timeline.bounds()
        if not bounds:
            return 0
        return bounds[-1] if self._follows else min(max(self._number, bounds[0]), bounds[-1])
