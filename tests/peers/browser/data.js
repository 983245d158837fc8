// One peer connection with data channels. `tests/peers/data_program.py` has the same commands and events.

const connection = new RTCPeerConnection();
const channels = new Map();

function numbered(number, size) {
  const message = new Uint8Array(size);
  new DataView(message.buffer).setUint32(0, number);
  return message;
}

async function described(description) {
  await connection.setLocalDescription(description);
  if (connection.iceGatheringState !== "complete") {
    await new Promise((resolve) => {
      connection.onicegatheringstatechange = () => connection.iceGatheringState === "complete" && resolve();
    });
  }
  return connection.localDescription.sdp;
}

function adopt(channel) {
  const { label } = channel;
  let received = 0;
  let inOrder = true;
  channels.set(label, channel);
  channel.binaryType = "arraybuffer";
  const opened = () =>
    window.tell("channel", {
      label,
      ordered: channel.ordered,
      max_retransmits: channel.maxRetransmits,
      life_time: channel.maxPacketLifeTime,
      protocol: channel.protocol,
    });
  channel.onmessage = ({ data }) => {
    if (label.startsWith("echo")) {
      channel.send(data);
    } else {
      inOrder = inOrder && new DataView(data).getUint32(0) === received;
      received += 1;
    }
  };
  channel.onclose = () => window.tell("channel_closed", { label, received, in_order: inOrder });
  if (channel.readyState === "open") {
    opened();
  } else {
    channel.onopen = opened;
  }
}

connection.ondatachannel = ({ channel }) => adopt(channel);

export function create({ label, ordered, max_retransmits, life_time, protocol, id }) {
  const options = { ordered, protocol };
  if (max_retransmits !== null) {
    options.maxRetransmits = max_retransmits;
  }
  if (life_time !== null) {
    options.maxPacketLifeTime = life_time;
  }
  if (id !== null) {
    Object.assign(options, { negotiated: true, id });
  }
  adopt(connection.createDataChannel(label, options));
}

export async function offer() {
  return described(await connection.createOffer());
}

export async function answer({ sdp }) {
  await connection.setRemoteDescription({ type: "offer", sdp });
  return described(await connection.createAnswer());
}

export function accept({ sdp }) {
  return connection.setRemoteDescription({ type: "answer", sdp });
}

export function flood({ label, count, size }) {
  for (let number = 0; number < count; number += 1) {
    channels.get(label).send(numbered(number, size));
  }
}

export function close_channel({ label }) {
  channels.get(label).close();
}
