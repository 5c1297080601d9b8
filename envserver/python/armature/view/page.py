"""The loop that shows moments of a timeline to whoever looks at the page.

Data flow: Timeline -> Playback -> SceneView, Panel, Plots -> viser's threads -> browsers.
Nothing is drawn while nobody looks.
Thread safety: `post`, `wake` and `set_status` from any thread; the rest on the loop's own.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence
from typing import Any

from armature.view.camera import camera_of, point
from armature.view.panel import Panel, TimeShown
from armature.view.playback import Playback
from armature.view.plots import WINDOW_S, Plots
from armature.view.scene_view import SceneView
from armature.view.timeline import Moment, Timeline
from armature.view.viewer_server import ViewerServer
from armature.view.watcher import Place

# Pictures, and changes of texts and curves, a second.
_PICTURES_PER_S = 30.0
_TEXTS_PER_S = 6.0
_CURVES_PER_S = 3.0
# A sentence that is true for less long is not shown: sessions may follow each other at once.
_STATUS_AFTER_S = 0.7


class _Turn:
    """Something that is done at most so often, and for the last time after it was last asked."""

    def __init__(self, per_s: float) -> None:
        self._period_s = 1 / per_s
        self._next = 0.0
        self._is_asked = False

    def ask(self) -> None:
        self._is_asked = True

    def take(self, now: float) -> bool:
        """Whether it is to be done now."""
        if not self._is_asked or now < self._next:
            return False
        self._is_asked, self._next = False, now + self._period_s
        return True

    @property
    def due(self) -> float | None:
        """When it is to be done; None: nobody has asked."""
        return self._next if self._is_asked else None


class Page:
    """`place` and `follow`: what is watched, and how to watch another; None: a recording."""

    def __init__(
        self,
        server: ViewerServer,
        timeline: Timeline,
        title: str,
        addresses: Sequence[str] = (),
        place: Place | None = None,
        follow: Callable[[Place], None] | None = None,
    ) -> None:
        self._server = server
        self._timeline = timeline
        self._follow = follow
        self._playback = Playback(timeline, live=place is not None)
        self._posted: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._status = self._next_status = ""
        self._status_due: float | None = None
        self._view = SceneView(server)
        self._panel = Panel(server, title, addresses, place, self, self.post)
        self._plots = Plots(server)
        self._shown: Moment | None = None
        self._texts, self._curves = _Turn(_TEXTS_PER_S), _Turn(_CURVES_PER_S)
        self._must_redraw = False
        server.on_client_connect(lambda client: self.wake())

    def post(self, act: Callable[[], None]) -> None:
        """Has the loop do it."""
        self._posted.put(act)

    def wake(self) -> None:
        """There is something new to look at."""
        if self._posted.empty():
            self._posted.put(None)

    def wake_always(self) -> None:
        """As `wake`, also from a signal handler."""
        self._posted.put(None)

    def set_status(self, status: str) -> None:
        """A sentence above everything else; empty: all is well."""
        self.post(lambda: self._set_status(status))

    def show_place(self, place: Place) -> None:
        """Where the watcher has moved by itself."""
        self.post(lambda: self._panel.show_place(place))

    def run(self, is_over: Callable[[], bool]) -> None:
        """Shows until `is_over`, which is asked whenever something was posted."""
        before = time.monotonic()
        while not is_over():
            now = time.monotonic()
            late = None
            if self._server.get_clients():
                self._playback.advance(now - before)
                late = self._show(now)
            before = now
            self._wait(now + 1 / _PICTURES_PER_S, late)

    def _wait(self, next_picture: float, late: float | None) -> None:
        """Until the next picture, if something moves; else until something is posted, or `late`."""
        is_still = self._playback.is_still or not self._server.get_clients()
        deadline = late if is_still else next_picture
        while True:
            timeout = None if deadline is None else max(deadline - time.monotonic(), 0.0)
            try:
                act = self._posted.get(timeout=timeout)
            except queue.Empty:
                return
            if act is not None:
                act()
                self._must_redraw = True
            deadline = next_picture  # What comes until then is shown together.

    def _show(self, now: float) -> float | None:
        """Shows what has changed. When to come again, for what was not due; None: no need."""
        moment = self._timeline.at(self._playback.number()) if self._timeline.bounds() else None
        if moment is not self._shown or self._must_redraw:
            self._shown, self._must_redraw = moment, False
            self._texts.ask()
            self._curves.ask()
            with self._server.atomic():
                if moment is not None and self._view.show(moment):
                    self._look_at(moment)
        if self._status_due is not None and now >= self._status_due:
            self._status, self._status_due = self._next_status, None
            self._texts.ask()
        if self._texts.take(now):
            with self._server.atomic():
                self._show_texts(moment)
        if self._curves.take(now) and moment is not None:
            self._show_curves(moment)
        due = (self._texts.due, self._curves.due, self._status_due)
        return min((each for each in due if each is not None), default=None)

    def _show_texts(self, moment: Moment | None) -> None:
        self._panel.show_playing(self._playback.plays)
        self._panel.show_text(moment, self._status)
        bounds = self._timeline.bounds()
        if moment is not None and bounds:
            begin, end = (self._timeline.at(bounds[i]).clock_s for i in (0, -1))
            self._panel.show_time(TimeShown(begin, end, moment.clock_s))

    def _show_curves(self, moment: Moment) -> None:
        last = self._playback.number()
        first = self._timeline.number_at(moment.clock_s - WINDOW_S)
        moments = self._timeline.between(first, last)
        if moments:
            self._plots.show(moments)

    def _set_status(self, status: str) -> None:
        self._next_status = status
        self._status_due = time.monotonic() + (_STATUS_AFTER_S if status else 0.0)

    def _look_at(self, moment: Moment) -> None:
        """Every viewer from the scene's camera, also those who come later."""
        for handle in [self._server.initial_camera, *self._cameras()]:
            point(handle, camera_of(moment))

    def _cameras(self) -> list[Any]:
        return [client.camera for client in self._server.get_clients().values()]

    # Listener, see panel.py.
    def on_play(self) -> None:
        if self._playback.plays:
            self._playback.pause(True)
        elif self._playback.paused:
            self._playback.pause(False)
        else:
            self._playback.follow()

    def on_seek(self, clock_s: float) -> None:
        self._playback.pause(True)
        self._playback.seek(self._timeline.number_at(clock_s))

    def on_speed(self, speed: float) -> None:
        self._playback.speed = speed

    def on_live(self) -> None:
        self._playback.follow()

    def on_contacts(self, visible: bool) -> None:
        self._view.show_contacts(visible)

    def on_markers(self, visible: bool) -> None:
        self._view.show_markers(visible)

    def on_reset_camera(self, client: Any) -> None:
        if self._shown is not None and client is not None:
            point(client.camera, camera_of(self._shown))

    def on_place(self, place: Place) -> None:
        self._playback.follow()
        if self._follow is not None:
            self._follow(place)
