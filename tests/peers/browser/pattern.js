// The media that the browser sends: a frame like `numbered_frame` of `tests/helpers/media.py`, and a tone.

const BARS = ["rgb(255, 0, 0)", "rgb(0, 255, 0)", "rgb(0, 0, 255)", "rgb(255, 255, 0)"];
const COLUMNS = 8;
const ROWS = 4;
const CHECK = 0xa5;
const NUMBERS = 2 ** 24;
// Width of a frame divided by that of its corner of noise.
const NOISE = 5;

// The size at which `numberIn` reads a frame.
export const READ_SIZE = { width: 64, height: 48 };

function checkOf(number) {
  return CHECK ^ (number & 0xff) ^ ((number >> 8) & 0xff) ^ (number >> 16);
}

function draw(context, number, noise) {
  const { width, height } = context.canvas;
  const check = checkOf(number);
  const top = Math.floor(height / 4);
  BARS.forEach((colour, bar) => {
    context.fillStyle = colour;
    context.fillRect((bar * width) / BARS.length, 0, width / BARS.length, top);
  });
  for (let bit = 0; bit < ROWS * COLUMNS; bit += 1) {
    const set = bit < 24 ? (number >> (23 - bit)) & 1 : (check >> (31 - bit)) & 1;
    const row = Math.floor(bit / COLUMNS);
    const column = bit % COLUMNS;
    context.fillStyle = set ? "white" : "black";
    context.fillRect(
      Math.floor((column * width) / COLUMNS),
      top + Math.floor((row * (height - top)) / ROWS),
      Math.ceil(width / COLUMNS),
      Math.ceil((height - top) / ROWS),
    );
  }
  if (noise) {
    // A corner of the bars, so that the encoder needs its whole bitrate.
    const bytes = new Uint32Array(noise.data.buffer);
    for (let pixel = 0; pixel < bytes.length; pixel += 1) {
      bytes[pixel] = (Math.random() * 2 ** 24) | 0xff000000;
    }
    context.putImageData(noise, 0, 0);
  }
}

// The number in a frame of a video element; null: it has none, or is too damaged.
export function numberIn(context, video) {
  const { width, height } = READ_SIZE;
  context.drawImage(video, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  let word = 0n;
  for (let bit = 0; bit < ROWS * COLUMNS; bit += 1) {
    // The centre of each square, which the blur of its neighbours does not reach.
    const row = Math.floor((height * (1 + (3 * (Math.floor(bit / COLUMNS) + 0.5)) / ROWS)) / 4);
    const column = Math.floor((width * ((bit % COLUMNS) + 0.5)) / COLUMNS);
    word = (word << 1n) | BigInt(data[4 * (row * width + column)] > 127);
  }
  const number = Number(word >> 8n);
  return checkOf(number) === Number(word & 0xffn) ? number : null;
}

// The frame's number is the time at which it was drawn, in milliseconds of the wall clock modulo 2^24.
export function frameTrack(canvas, { width, height, fps, noisy }) {
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const noise = noisy ? context.createImageData(Math.floor(width / NOISE), Math.floor(height / NOISE)) : null;
  const drawNow = () => draw(context, Date.now() % NUMBERS, noise);
  drawNow();
  setInterval(drawNow, 1000 / fps);
  return canvas.captureStream(fps).getVideoTracks()[0];
}

export function toneTrack(audio, frequency) {
  const oscillator = new OscillatorNode(audio, { frequency });
  const volume = new GainNode(audio, { gain: 0.5 });
  const destination = new MediaStreamAudioDestinationNode(audio, { channelCount: 1 });
  oscillator.connect(volume).connect(destination);
  oscillator.start();
  return destination.stream.getAudioTracks()[0];
}
