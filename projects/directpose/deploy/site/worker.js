// Finds people, apart from the page, which stays quick. Images are prepared as OnnxDetector does in Python.
import * as ort from './ort/ort.wasm.min.mjs';

const BLOCK = 32; // sides of the network's input are multiples of it
const STEPS = 32; // OpenCV's warp interpolates at 32nds of a pixel
let facts, session;

async function load() {
  ort.env.wasm.wasmPaths = new URL('./ort/', import.meta.url).href;
  ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency || 1) : 1;
  facts = await (await fetchFile('model.json')).json();
  const bytes = await withProgress(await fetchFile('model.onnx'), facts.bytes);
  session = await ort.InferenceSession.create(bytes, { executionProviders: ['wasm'] });
  postMessage({ type: 'ready', facts, threads: ort.env.wasm.numThreads });
}

async function fetchFile(name) {
  const response = await fetch(new URL(name, import.meta.url));
  if (!response.ok) throw new Error(`${name} is missing beside this page`);
  return response;
}

async function withProgress(response, total) {
  const parts = new Uint8Array(total);
  let loaded = 0;
  for (const reader = response.body.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (loaded + value.length > total) throw new Error('model.onnx has another size than model.json says');
    parts.set(value, loaded);
    loaded += value.length;
    postMessage({ type: 'progress', share: loaded / total });
  }
  if (loaded < total) throw new Error('model.onnx is not whole');
  return parts;
}

// Half to even, as numpy rounds.
function round(value) {
  const low = Math.floor(value), rest = value - low;
  return rest > 0.5 || (rest === 0.5 && low % 2) ? low + 1 : low;
}

// Size of an image (w, h) in the network, and pixels of the image to one of it: (x, y).
export function target(width, height, facts) {
  const scale = Math.min(facts.short_side / Math.min(width, height), facts.long_side / Math.max(width, height));
  const areas = facts.pixel_areas;
  const side = areas ? (s) => Math.floor(s * scale + areas.rounding) : (s) => round(s * scale);
  const size = [width, height].map((s) => Math.max(1, side(s)));
  const back = areas ? [width / size[0], height / size[1]] : [1 / scale, 1 / scale];
  return { size, back, shift: areas ? areas.shift : 0 };
}

// For each place along a side: the two pixels it is made of, and the weight of the second.
function mix(count, length, back, areas) {
  const low = new Int32Array(count), high = new Int32Array(count), weight = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const at = areas ? (i + 0.5) * back - 0.5 : Math.round(i * back * STEPS) / STEPS;
    const floor = Math.floor(at);
    low[i] = Math.min(Math.max(floor, 0), length - 1);
    high[i] = Math.min(Math.max(floor + 1, 0), length - 1);
    weight[i] = at - floor;
  }
  return { low, high, weight };
}

// RGBA pixels -> planes B, G, R of floats, filled up with the colour of the padding.
function prepare(pixels, width, height, { size: [w, h], back }) {
  const [W, H] = [w, h].map((side) => Math.ceil(side / BLOCK) * BLOCK);
  const planes = new Float32Array(3 * W * H);
  const xs = mix(w, width, back[0], facts.pixel_areas), ys = mix(h, height, back[1], facts.pixel_areas);
  for (let c = 0; c < 3; c++) {
    const plane = planes.subarray(c * W * H, (c + 1) * W * H).fill(facts.padding[c]);
    for (let y = 0; y < h; y++) {
      const top = ys.low[y] * width, bottom = ys.high[y] * width, v = ys.weight[y];
      for (let x = 0; x < w; x++) {
        const left = xs.low[x], right = xs.high[x], u = xs.weight[x];
        const at = (row, column) => pixels[4 * (row + column) + 2 - c];
        const upper = at(top, left) * (1 - u) + at(top, right) * u;
        const lower = at(bottom, left) * (1 - u) + at(bottom, right) * u;
        plane[y * W + x] = Math.round(upper * (1 - v) + lower * v);
      }
    }
  }
  const sizes = BigInt64Array.from([h, w].map(BigInt));
  return { images: new ort.Tensor('float32', planes, [1, 3, H, W]), sizes: new ort.Tensor('int64', sizes, [1, 2]) };
}

function pixelsOf(bitmap) {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext('2d', { willReadFrequently: true, alpha: false });
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height).data;
}

async function find(bitmap) {
  const { width, height } = bitmap, pixels = pixelsOf(bitmap), begin = performance.now();
  const way = target(width, height, facts);
  const found = await session.run(prepare(pixels, width, height, way));
  const [, K] = found.keypoints.dims;
  const place = (value, axis) => value * way.back[axis] - way.shift;
  const people = Array.from(found.scores.data, (score, n) => ({
    score,
    label: Number(found.labels.data[n]),
    box: Array.from(found.boxes.data.subarray(4 * n, 4 * n + 4), (value, i) => place(value, i % 2)),
    keypoints: Array.from({ length: K }, (_, k) => {
      const [x, y, confidence] = found.keypoints.data.subarray(3 * (n * K + k), 3 * (n * K + k) + 3);
      return [place(x, 0), place(y, 1), confidence];
    }),
  }));
  return { people, ms: performance.now() - begin };
}

const failed = (doing) => (error) => postMessage({ type: 'error', doing, message: String(error.message || error) });
const ready = load().catch(failed('model'));
onmessage = ({ data }) => ready.then(() => find(data.bitmap))
  .then((result) => postMessage({ type: 'people', ...result })).catch(failed('photo'));
