"""The controls and texts beside the picture. All viewers share them: who pauses, pauses for all.

Data flow: what a viewer does -> a call of the Listener, on the page's thread through `post`.
Thread safety: one thread; viser's own threads only post.
"""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import viser

from armature.view.timeline import Moment
from armature.view.watcher import Place

_SPEEDS = ("0.1", "0.25", "0.5", "1", "2", "4", "8")
# The largest session and slot that fit into the request.
_SESSION_MAX = (1 << 64) - 1
_SLOT_MAX = (1 << 32) - 1
_TIME_STEP_S = 0.01


class Listener(Protocol):
    """What a viewer asks for."""

    def on_play(self) -> None: ...
    def on_seek(self, clock_s: float) -> None: ...
    def on_speed(self, speed: float) -> None: ...
    def on_live(self) -> None: ...
    def on_contacts(self, visible: bool) -> None: ...
    def on_markers(self, visible: bool) -> None: ...
    def on_reset_camera(self, client: Any) -> None: ...
    def on_place(self, place: Place) -> None: ...


@dataclasses.dataclass
class TimeShown:
    """Of the slider, in s of the timeline's clock."""

    begin_s: float
    end_s: float
    now_s: float


class Panel:
    """`addresses`: of the env servers that may be chosen; empty: a recording is shown."""

    def __init__(
        self,
        server: viser.ViserServer,
        title: str,
        addresses: Sequence[str],
        place: Place | None,
        listener: Listener,
        post: Callable[[Callable[[], None]], None],
    ) -> None:
        self._post = post
        self._listener = listener
        gui = server.gui
        gui.configure_theme(show_logo=False, show_share_button=False, control_width="medium")
        gui.set_panel_label(title)
        gui.main_panel.dock_right()
        self._text = gui.add_html("")
        self._text_shown = ""
        self._play = gui.add_button("Pause")
        self._time = gui.add_slider(
            "Time, s", min=0.0, max=1.0, step=_TIME_STEP_S, initial_value=0.0
        )
        self._speed = gui.add_dropdown("Speed", _SPEEDS, initial_value="1")
        self._live = gui.add_button("Live" if place else "From the start")
        self._contacts = gui.add_checkbox("Contacts", True)
        self._markers = gui.add_checkbox("Goals and markers", True)
        self._camera = gui.add_button("Reset camera")
        self._place = place
        if place is not None:
            self._add_place(gui, addresses, place)
        self._listen()

    def _add_place(self, gui: Any, addresses: Sequence[str], place: Place) -> None:
        with gui.add_folder("What is watched"):
            if len(addresses) > 1:
                self._address = gui.add_dropdown(
                    "Env server", list(addresses), initial_value=place.address
                )
                self._on(self._address, lambda event: self._ask_for_place())
            else:
                self._address = None
            self._session = gui.add_text("Session", str(place.session_id or "newest"))
            self._slot = gui.add_number("Slot", place.slot, min=0, max=_SLOT_MAX, step=1)
            for each in (self._session, self._slot):
                self._on(each, lambda event: self._ask_for_place())

    def _listen(self) -> None:
        listener = self._listener
        for button, act in (
            (self._play, lambda event: listener.on_play()),
            (self._live, lambda event: listener.on_live()),
            (self._camera, lambda event: listener.on_reset_camera(event.client)),
        ):
            button.on_click(self._posted(act))
        self._on(self._time, lambda event: listener.on_seek(float(event.target.value)))
        self._on(self._speed, lambda event: listener.on_speed(float(event.target.value)))
        self._on(self._contacts, lambda event: listener.on_contacts(event.target.value))
        self._on(self._markers, lambda event: listener.on_markers(event.target.value))

    def _on(self, handle: Any, act: Callable[[Any], None]) -> None:
        handle.on_update(self._posted(act))

    def _posted(self, act: Callable[[Any], None]) -> Callable[[Any], None]:
        def on_event(event: Any) -> None:
            if event.client_id is not None:  # None: this program has set the value.
                self._post(lambda: act(event))

        return on_event

    def _ask_for_place(self) -> None:
        assert self._place is not None
        word = self._session.value.strip()
        session_id = int(word) if word.isdecimal() and int(word) <= _SESSION_MAX else 0
        address = self._address.value if self._address is not None else self._place.address
        self._place = Place(address, session_id, int(self._slot.value))
        self._session.value = str(session_id or "newest")
        self._listener.on_place(self._place)

    def show_place(self, place: Place) -> None:
        """Where the watcher has moved by itself."""
        if place == self._place:
            return
        self._place = place
        self._session.value = str(place.session_id or "newest")
        self._slot.value = place.slot

    def show_playing(self, playing: bool) -> None:
        label = "Pause" if playing else "Play"
        if self._play.label != label:
            self._play.label = label

    def show_time(self, time: TimeShown) -> None:
        end_s = max(time.end_s, time.begin_s + _TIME_STEP_S)
        for name, value in (("min", time.begin_s), ("max", end_s)):
            if abs(getattr(self._time, name) - value) >= _TIME_STEP_S:
                setattr(self._time, name, round(value, 2))
        slider: Any = self._time  # viser's types take its value for read-only.
        if abs(slider.value - time.now_s) >= _TIME_STEP_S:
            slider.value = round(min(max(time.now_s, time.begin_s), end_s), 2)

    def show_text(self, moment: Moment | None, status: str) -> None:
        text = _table(moment, status)
        if text != self._text_shown:
            self._text.content = self._text_shown = text


def _table(moment: Moment | None, status: str) -> str:
    rows = []
    if moment is not None:
        stage, frame = moment.stage, moment.frame
        rows = [("Environment", stage.spec.id)]
        if stage.session_id:
            rows.append(("Session", f"{stage.session_id} of {stage.client}"))
            rows.append(("Slots", f"0 to {stage.num_envs - 1}"))
        rows += [
            ("Episode", str(frame.episode)),
            ("Step", f"{frame.episode_step}, {frame.time_s:.2f} s"),
            ("Reward", f"{frame.reward:.4g}"),
            ("Return", f"{frame.return_sum:.4g}"),
        ]
        if stage.spec.reports_success:
            rows.append(("Success", "yes" if frame.is_success else "no"))
        ends = [name for name in ("terminated", "truncated") if getattr(frame, name)]
        rows.append(("Episode's end", ends[0] if ends else "not yet"))
    cells = "".join(
        f"<tr><td style='padding-right:1em;opacity:0.7'>{name}</td>"
        f"<td>{html.escape(value)}</td></tr>"
        for name, value in rows
    )
    note = f"<p style='color:#c2410c;margin:0'>{html.escape(status)}</p>" if status else ""
    return f"<div style='padding:0.5em 1em;font-size:0.85em'>{note}<table>{cells}</table></div>"
