// The media that the browser sends: a frame like `numbered_frame` of `tests/helpers/media.py`, and a tone.

const BARS = ["rgb(255, 0, 0)", "rgb(0, 255, 0)", "rgb(0, 0, 255)", "rgb(255, 255, 0)"];
const COLUMNS = 8;
const ROWS = 4;
const CHECK = 0xa5;
const NUMBERS = 2 ** 24;

function draw(context, number) {
  const { width, height } = context.canvas;
  const check = CHECK ^ (number & 0xff) ^ ((number >> 8) & 0xff) ^ (number >> 16);
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
}

// The frame's number is the time at which it was drawn, in milliseconds of the wall clock modulo 2^24.
export function frameTrack(canvas, { width, height, fps }) {
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const drawNow = () => draw(context, Date.now() % NUMBERS);
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
