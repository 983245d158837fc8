// A producer or a consumer on gstwebrtc-api. The driver calls the functions of `window.peer` and provides `window.tell`.

import * as data from "./data.js";
import { frameTrack, numberIn, READ_SIZE, toneTrack } from "./pattern.js";

const RATE = 48000;
const SOUND_SAMPLES = 32768;
// A value of SessionState, which gstwebrtc-api does not export.
const STREAMING = 2;

const video = document.getElementById("received");
const shown = [];
const small = new OffscreenCanvas(READ_SIZE.width, READ_SIZE.height).getContext("2d", { willReadFrequently: true });
let readsNumbers = false;
const canvas = document.getElementById("drawn");
const audio = new AudioContext({ sampleRate: RATE });
const analyser = new AnalyserNode(audio, { fftSize: SOUND_SAMPLES });
const connections = new Map();
const heard = new Set();
let api = null;
let session = null;

function show(state) {
  document.getElementById("state").textContent = state;
}

function connect({ uri, name, iceServers }) {
  api = new window.GstWebRTCAPI({
    meta: name ? { name } : null,
    signalingServerUrl: uri,
    reconnectionTimeout: 0,
    // The default is public STUN servers.
    webrtcConfig: { iceServers, bundlePolicy: "max-bundle" },
  });
  api.registerConnectionListener({
    connected: (peerId) => window.tell("ready", { peer_id: peerId }),
    disconnected: () => window.tell("disconnected", {}),
  });
  return api;
}

function onceReady(action) {
  api.registerConnectionListener({ connected: action, disconnected() {} });
}

async function mediaToSend({ video: size, frequency }) {
  const tracks = [];
  if (size) {
    canvas.hidden = false;
    tracks.push(frameTrack(canvas, size));
  }
  if (frequency) {
    tracks.push(toneTrack(audio, frequency));
  }
  await audio.resume();
  return new MediaStream(tracks);
}

// gstwebrtc-api offers and answers what the browser prefers, so that a single codec must be chosen below it.
function preferCodec(codec) {
  for (const method of ["createAnswer", "setLocalDescription"]) {
    const original = RTCPeerConnection.prototype[method];
    RTCPeerConnection.prototype[method] = function withPreference(...values) {
      for (const transceiver of this.getTransceivers()) {
        if (transceiver.receiver.track.kind === "video") {
          transceiver.setCodecPreferences(capabilities(codec));
        }
      }
      return original.apply(this, values);
    };
  }
}

// Chromium sends RED (RFC 2198) if it is listed before Opus.
function preferRed() {
  for (const method of ["createAnswer", "createOffer", "setLocalDescription"]) {
    const original = RTCPeerConnection.prototype[method];
    RTCPeerConnection.prototype[method] = function withRed(...values) {
      const { codecs } = RTCRtpReceiver.getCapabilities("audio");
      const isRed = ({ mimeType }) => mimeType.toLowerCase() === "audio/red";
      for (const transceiver of this.getTransceivers()) {
        if (transceiver.receiver.track.kind === "audio") {
          transceiver.setCodecPreferences([...codecs.filter(isRed), ...codecs.filter((each) => !isRed(each))]);
        }
      }
      return original.apply(this, values);
    };
  }
}

// Sends video in a scalability mode, such as "L2T1".
function scale(scalabilityMode) {
  const original = RTCPeerConnection.prototype.setLocalDescription;
  RTCPeerConnection.prototype.setLocalDescription = async function withLayers(...values) {
    await original.apply(this, values);
    for (const { sender } of this.getTransceivers()) {
      const parameters = sender.getParameters();
      if (sender.track?.kind === "video" && parameters.encodings.length) {
        parameters.encodings[0].scalabilityMode = scalabilityMode;
        await sender.setParameters(parameters);
      }
    }
  };
}

function capabilities(codec) {
  // The codec may have a parameter, such as "H264 packetization-mode=0".
  const [name, parameter = ""] = codec.split(" ");
  const wanted = [`video/${name}`.toLowerCase(), "video/rtx"];
  const { codecs } = RTCRtpReceiver.getCapabilities("video");
  const isRight = ({ mimeType, sdpFmtpLine = "" }) => mimeType === "video/rtx" || sdpFmtpLine.includes(parameter);
  return codecs.filter((each) => wanted.includes(each.mimeType.toLowerCase()) && isRight(each));
}

function watchConnection(connection, sessionId) {
  connections.set(sessionId, connection);
  connection.addEventListener("connectionstatechange", () => {
    show(connection.connectionState);
    window.tell("connection", { session: sessionId, state: connection.connectionState });
  });
}

function noteFrames() {
  const time = performance.timeOrigin + performance.now();
  shown.push([time, readsNumbers ? numberIn(small, video) : null]);
  video.requestVideoFrameCallback(noteFrames);
}

function receive(stream) {
  video.hidden = false;
  if (video.srcObject !== stream) {
    video.srcObject = stream;
    video.requestVideoFrameCallback(() => {
      window.tell("frame", { width: video.videoWidth, height: video.videoHeight });
      noteFrames();
    });
  }
  for (const track of stream.getAudioTracks()) {
    if (!heard.has(track)) {
      heard.add(track);
      // In Chromium, WebAudio gets only audio that an element plays too.
      new MediaStreamAudioSourceNode(audio, { mediaStream: new MediaStream([track]) }).connect(analyser);
    }
  }
}

function watchSession(opened) {
  opened.addEventListener("error", ({ message, error }) => {
    window.tell("error", { details: `${message}: ${error}` });
  });
  opened.addEventListener("closed", () => {
    show("closed");
    window.tell("session_closed", { session: opened.sessionId });
  });
}

function consume(producer, stream) {
  document.getElementById("title").textContent = producer.meta.name ?? producer.id;
  session = api.createConsumerSession(producer.id);
  session.mungeStereoHack = true;
  watchSession(session);
  session.addEventListener("rtcPeerConnectionChanged", () => {
    if (session.rtcPeerConnection) {
      watchConnection(session.rtcPeerConnection, session.sessionId);
      window.tell("session", { session: session.sessionId, peer_id: producer.id });
      stream.getTracks().forEach((track) => session.rtcPeerConnection.addTrack(track, stream));
    }
  });
  // Only the first stream is shown, as in the example page of gstwebrtc-api.
  session.addEventListener("streamsChanged", () => {
    const [stream] = session.streams;
    if (stream) {
      receive(stream);
      stream.addEventListener("addtrack", () => receive(stream));
    }
  });
  session.connect();
}

async function startConsumer({ uri, name, send, iceServers }) {
  const stream = await mediaToSend(send);
  canvas.hidden = true;
  connect({ uri, iceServers });
  const joinFirst = (producer) => {
    if (session === null && (name === null || producer.meta.name === name)) {
      consume(producer, stream);
    }
  };
  api.registerPeerListener({ producerAdded: joinFirst });
}

async function startProducer({ uri, name, send, iceServers }) {
  document.getElementById("title").textContent = name;
  video.hidden = true;
  const stream = await mediaToSend(send);
  connect({ uri, name, iceServers });
  onceReady(() => {
    session = api.createProducerSession(stream);
    watchSession(session);
    session.addEventListener("stateChanged", () => session.state === STREAMING && window.tell("registered", {}));
    session.addEventListener("clientConsumerAdded", ({ detail: client }) => {
      watchConnection(client.rtcPeerConnection, client.sessionId);
      window.tell("session", { session: client.sessionId, peer_id: client.peerId });
      const received = new MediaStream();
      client.rtcPeerConnection.addEventListener("track", ({ track }) => {
        received.addTrack(track);
        receive(received);
      });
    });
    session.addEventListener("clientConsumerRemoved", ({ detail: client }) => {
      connections.delete(client.sessionId);
      window.tell("session_closed", { session: client.sessionId });
    });
    session.start();
  });
}

function base64(bytes) {
  let text = "";
  for (let start = 0; start < bytes.length; start += 8192) {
    text += String.fromCharCode(...bytes.subarray(start, start + 8192));
  }
  return btoa(text);
}

function describe(report, reports) {
  const codec = reports.get(report.codecId)?.mimeType?.split("/")[1] ?? null;
  return { ...report, codec };
}

window.peer = {
  // The functions of a peer connection without signalling, see `tests/peers/data_peers.py`.
  ...data,

  async start({ role, codec, layers, prefersRed, readNumbers, ...options }) {
    if (role === "data") {
      return;
    }
    readsNumbers = readNumbers;
    if (codec) {
      preferCodec(codec);
    }
    if (prefersRed) {
      preferRed();
    }
    if (layers) {
      scale(layers);
    }
    await (role === "producer" ? startProducer(options) : startConsumer(options));
  },

  // The newest frame: RGBA, row by row.
  frame() {
    const { videoWidth: width, videoHeight: height } = video;
    if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || width === 0) {
      return null;
    }
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    context.drawImage(video, 0, 0);
    return { width, height, base64: base64(context.getImageData(0, 0, width, height).data) };
  },

  // For each frame, when it was shown, in milliseconds of Unix time, and its number.
  frames() {
    return shown;
  },

  // The newest sound: int16, mono.
  samples() {
    const floats = new Float32Array(SOUND_SAMPLES);
    analyser.getFloatTimeDomainData(floats);
    const samples = Int16Array.from(floats, (value) => Math.max(-1, Math.min(1, value)) * 32767);
    return { rate: audio.sampleRate, base64: base64(new Uint8Array(samples.buffer)) };
  },

  // The inbound and outbound tracks of every session.
  async stats() {
    const found = [];
    for (const [sessionId, connection] of connections) {
      const reports = await connection.getStats();
      for (const report of reports.values()) {
        if (report.type === "inbound-rtp" || report.type === "outbound-rtp") {
          found.push({ session: sessionId, ...describe(report, reports) });
        }
      }
    }
    return found;
  },

  // The received tracks: for each section on which the other end sends, its mid and the track.
  tracks() {
    const transceivers = [...connections.values()].flatMap((connection) => connection.getTransceivers());
    return transceivers
      .filter(({ currentDirection }) => ["recvonly", "sendrecv"].includes(currentDirection))
      .map(({ mid, receiver: { track } }) => ({ mid, id: track.id, kind: track.kind, muted: track.muted }));
  },

  close() {
    session?.close();
  },
};

async function showFigures() {
  const inbound = (await window.peer.stats()).find(({ type, kind }) => type === "inbound-rtp" && kind === "video");
  if (inbound) {
    const { codec, frameWidth, frameHeight, framesDecoded, framesPerSecond, packetsLost } = inbound;
    document.getElementById("figures").textContent =
      `${codec} · ${frameWidth} × ${frameHeight} · ${framesPerSecond ?? 0} fps · ` +
      `${framesDecoded} frames decoded · ${packetsLost} packets lost`;
  }
}

setInterval(showFigures, 500);
