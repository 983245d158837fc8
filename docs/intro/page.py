"""A web page with the robot's camera and a button for each command."""

import threading
import time

from flask import Flask, Response

from gst_signalling_sync import SignallingError, connect, encode_still

PAGE = """<!doctype html>
<title>Robot</title>
<img src="/camera" width="640"><br>
<button onclick="send('left')">left</button>
<button onclick="send('stop')">stop</button>
<button onclick="send('right')">right</button>
<p id="answer"></p>
<script>
async function send(command) {
    const response = await fetch("/commands/" + command, {method: "POST"});
    document.getElementById("answer").textContent = await response.text();
}
</script>
"""

app = Flask(__name__)
lock = threading.Lock()
session = None


def current_session():
    """The session with the robot: a new one where there is none yet, or where the robot has restarted."""
    global session
    if session is None or not session.is_open:
        session = connect(name="robot", timeout=5)
    return session


@app.get("/")
def page():
    return PAGE


@app.post("/commands/<command>")
def send(command):
    with lock:  # The next answer belongs to this command.
        channel = current_session().channel("commands")
        channel.send(command)
        return channel.recv(timeout=5)


@app.get("/camera")
def camera():
    with lock:
        watched = current_session()
    watched.video.read(timeout=5)

    def parts():
        while watched.is_open:
            jpeg = encode_still(watched.video.latest(), "jpeg")
            yield b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + jpeg + b"\r\n"
            time.sleep(0.1)

    return Response(parts(), mimetype="multipart/x-mixed-replace; boundary=frame")


@app.errorhandler(SignallingError)
def report(error):
    return str(error), 502
