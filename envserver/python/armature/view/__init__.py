"""``armature-view``: a live web page of robots, drawn by viser in the browser.

Data flow: a server's Watch, or a recorded file -> Timeline -> Page -> viser -> browsers.

    subject.py    what the user's word means: an address, a run, a recorded file
    watcher.py    follows one slot of an env server, and reconnects
    player.py     an env server and `play` of a run that does not train now
    timeline.py   what has been seen: scenes and moments, bounded
    playback.py   which moment is shown: live, paused, or at some speed
    geometry.py   triangles of every kind of shape
    camera.py     where viewers look from at first
    scene_view.py draws a moment into viser's scene
    panel.py      the controls and texts beside the picture
    plots.py      the curves of rewards and metrics
    page.py       the loop that shows moments
    kept_page.py  a recording as one HTML file
    viewer_server.py  viser's server, for browsers of this machine
    gate.py       lets browsers of other machines in: TLS and a token
    flags.py, main.py   the program

Needs viser: pip install 'armature[view]'.
"""
