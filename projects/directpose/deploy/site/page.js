// The page: takes photos, shows people. worker.js finds them.
const $ = (id) => document.getElementById(id);
const UNIT = 640; // pixels of the long side at which lines are 2 pixels wide
const ENTRIES = ['file', 'sample', 'camera'];
const worker = new Worker('worker.js', { type: 'module' });
let facts, shown = null, waiting = null, streaming = false;

const say = (text) => { $('status').textContent = text; };
const complain = (text) => { $('error').textContent = text; };
const enable = (ids, on) => ids.forEach((id) => { $(id).disabled = !on; });

worker.onmessage = ({ data }) => ({ progress, ready, people, error })[data.type](data);
worker.onerror = () => error({ doing: 'model', message: 'this browser cannot run it' });

function progress({ share }) {
  $('loading').value = share;
  say(`Loading the model: ${Math.round(100 * share)} %`);
}

function ready(message) {
  facts = message.facts;
  $('loading').hidden = true;
  $('backend').textContent = `${facts.name}, WebAssembly with ${message.threads} thread${message.threads > 1 ? 's' : ''}`;
  for (const name of facts.samples) $('sample').add(new Option(name, `samples/${encodeURIComponent(name)}`));
  $('sample-label').hidden = !facts.samples.length;
  enable(ENTRIES, true);
  $('camera').disabled = !navigator.mediaDevices;
  document.body.dataset.ready = 'true';
  say('Choose a photo.');
}

function error({ doing, message }) {
  const model = doing === 'model';
  complain(model ? `The model cannot be used: ${message}.` : `No people could be looked for: ${message}.`);
  $('loading').hidden = true;
  say('');
  waiting = null;
  if (model) enable(ENTRIES, false);
}

// ---------------------------------------------------------------- photos

async function look(source, name) {
  if (waiting) {
    complain(`Still looking for people in ${waiting.name}; give ${name} again when that is done.`);
    return;
  }
  complain('');
  waiting = { name };
  if (!streaming) say(`Looking for people in ${name} …`);
  try {
    waiting.bitmap = await createImageBitmap(source, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
  } catch {
    waiting = null;
    say('');
    complain(`${name} is not an image that this browser can read.`);
    return;
  }
  worker.postMessage({ bitmap: waiting.bitmap });
}

function people({ people: found, ms }) {
  shown = { ...waiting, people: found, ms };
  waiting = null;
  draw();
  enable(['json', 'png'], true);
  if (streaming) nextFrame();
}

const files = (list) => { if (list.length) look(list[0], list[0].name); };
$('file').onchange = (event) => { files(event.target.files); event.target.value = ''; };
$('sample').onchange = async ({ target }) => {
  if (target.value) look(await (await fetch(target.value)).blob(), target.selectedOptions[0].text);
};
$('drop').ondragover = (event) => { event.preventDefault(); $('drop').classList.add('over'); };
$('drop').ondragleave = () => $('drop').classList.remove('over');
$('drop').ondrop = (event) => {
  event.preventDefault();
  $('drop').classList.remove('over');
  if (facts) files(event.dataTransfer.files);
};

// ---------------------------------------------------------------- camera

$('camera').onclick = async () => {
  if (streaming) { stopCamera(); return; }
  try {
    $('stream').srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
    await $('stream').play();
  } catch (problem) {
    complain(`The camera cannot be used: ${problem.message}.`);
    return;
  }
  cameraIs(true);
  nextFrame();
};

function stopCamera() {
  for (const track of $('stream').srcObject.getTracks()) track.stop();
  cameraIs(false);
}

function cameraIs(on) {
  streaming = on;
  $('camera').textContent = on ? 'Camera off' : 'Camera on';
  $('camera').setAttribute('aria-pressed', on);
  enable(['file', 'sample'], !on);
}

const nextFrame = () => { if (!waiting) look($('stream'), 'camera'); };

// ---------------------------------------------------------------- people

const chosen = () => shown.people.filter((person) => person.score > $('person').valueAsNumber);

function draw() {
  for (const name of ['person', 'keypoint']) $(`${name}-value`).value = $(name).valueAsNumber.toFixed(2);
  if (!shown) return;
  const canvas = $('picture'), context = canvas.getContext('2d'), { bitmap, name, ms } = shown;
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  context.drawImage(bitmap, 0, 0);
  const list = chosen();
  list.forEach((person, number) => drawPerson(context, person, facts.colors[number % facts.colors.length]));
  const count = list.length === 1 ? '1 person' : `${list.length} people`;
  say(`${count} in ${name}, found in ${Math.round(ms)} ms.`);
  canvas.setAttribute('aria-label', `${name} with ${count}`);
  $('people').replaceChildren(...list.map((person, number) => {
    const item = document.createElement('li'), sure = person.keypoints.filter(isSure).length;
    item.textContent = `score ${person.score.toFixed(2)}, ${sure} of ${person.keypoints.length} keypoints`;
    item.style.borderLeft = `.4rem solid ${facts.colors[number % facts.colors.length]}`;
    item.style.paddingLeft = '.4rem';
    return item;
  }));
}

const isSure = ([, , score]) => score > $('keypoint').valueAsNumber;

function drawPerson(context, { keypoints }, color) {
  const unit = Math.max(1, Math.max(context.canvas.width, context.canvas.height) / UNIT);
  context.lineWidth = 2 * unit;
  context.strokeStyle = context.fillStyle = color;
  for (const [a, b] of facts.limbs) {
    if (!isSure(keypoints[a]) || !isSure(keypoints[b])) continue;
    context.beginPath();
    context.moveTo(...keypoints[a].slice(0, 2));
    context.lineTo(...keypoints[b].slice(0, 2));
    context.stroke();
  }
  for (const [x, y] of keypoints.filter(isSure)) {
    context.beginPath();
    context.arc(x, y, 2.5 * unit, 0, 2 * Math.PI);
    context.fill();
  }
}

$('person').oninput = $('keypoint').oninput = draw;
draw();

// ---------------------------------------------------------------- saving

// As directpose demo writes it: COCO records with a score for each person.
function records() {
  const { name, bitmap } = shown;
  const annotations = chosen().map(({ score, label, box: [x1, y1, x2, y2], keypoints }, number) => ({
    id: number + 1, image_id: 1, category_id: label + 1, score, bbox: [x1, y1, x2 - x1, y2 - y1], keypoints: keypoints.flat(),
  }));
  const images = [{ id: 1, file_name: name, width: bitmap.width, height: bitmap.height }];
  return { images, annotations, categories: [{ id: 1, name: 'person', keypoints: facts.keypoints }] };
}

function save(blob, ending) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = `${shown.name.replace(/\.[^.]*$/, '')}.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

$('json').onclick = () => save(new Blob([JSON.stringify(records())], { type: 'application/json' }), 'json');
$('png').onclick = () => $('picture').toBlob((blob) => save(blob, 'png'));
