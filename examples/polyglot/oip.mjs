// The Open Inference Protocol (version 2) for one step in Node.js, with nothing but its standard library.
//
//     serve({ name, inputs, outputs, run })
//
// `run` takes { input: [elements] } and gives { output: [elements] }, all of data type BYTES: elements are Buffers.
// It throws `Wrong` for what a client has sent wrong. Tensors come and go as JSON or as bytes (the binary tensor data
// extension), whichever the request says. Where to listen is told by LONGSPAN_SOCKET or LONGSPAN_PORT; SIGTERM lets
// what is under way be answered.

import { createServer } from 'node:http';

const MOST_BYTES = 64 << 20;
const BINARY_HEADER = 'inference-header-content-length';

let leaving = false;

export class Wrong extends Error {
  constructor(message, status = 400) {
    super(message);
    this.status = status;
  }
}

export function serve(step) {
  const model = { name: step.name, versions: ['1'], platform: 'nodejs', inputs: step.inputs, outputs: step.outputs };
  const paths = new Map([[`/v2/models/${step.name}`, model], [`/v2/models/${step.name}/versions/1`, model]]);
  const fixed = new Map([
    ['/v2', { name: 'polyglot', version: process.version, extensions: ['binary_tensor_data'] }],
    ['/v2/health/live', { live: true }],
    ['/v2/health/ready', { ready: true }],
    ...paths,
    ...[...paths.keys()].map((path) => [`${path}/ready`, { name: step.name, ready: true }]),
  ]);

  const server = createServer({ requestTimeout: 60_000 }, async (request, response) => {
    try {
      const path = request.url.split('?')[0];
      const infers = path.endsWith('/infer') && paths.has(path.slice(0, -'/infer'.length));
      if (!infers && !fixed.has(path)) throw new Wrong(`nothing is at ${path.slice(0, 200)}`, 404);
      if (request.method !== (infers ? 'POST' : 'GET')) throw new Wrong(`${request.method} is not for this path`, 405);
      const [type, bytes, extra] = infers ? infer(step, request, await body(request)) : json(fixed.get(path));
      send(response, 200, type, bytes, extra);
    } catch (error) {
      // What only the author of this file can mend goes to the log, not to the client.
      if (!(error instanceof Wrong)) console.error(error);
      const text = error instanceof Wrong ? error.message : `${step.name} failed`;
      const [type, bytes] = json({ error: text });
      send(response, error instanceof Wrong ? error.status : 500, type, bytes);
      if (!request.complete) request.destroy();
    }
  });
  server.keepAliveTimeout = 600_000; // longer than the gateway's, so that it is the gateway that hangs up
  server.listen(process.env.LONGSPAN_SOCKET ?? { host: '127.0.0.1', port: Number(process.env.LONGSPAN_PORT ?? 9000) });
  process.on('SIGTERM', () => {
    leaving = true;
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  });
}

function send(response, status, type, bytes, extra = {}) {
  response.shouldKeepAlive &&= !leaving;
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.length, ...extra });
  response.end(bytes);
}

function json(value) {
  return ['application/json', Buffer.from(JSON.stringify(value))];
}

async function body(request) {
  const pieces = [];
  let size = 0;
  for await (const piece of request) {
    size += piece.length;
    if (size > MOST_BYTES) throw new Wrong(`the body is over ${MOST_BYTES} bytes`, 413);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function infer(step, request, bytes) {
  const length = request.headers[BINARY_HEADER];
  if (length !== undefined && !(/^[0-9]{1,9}$/.test(length) && Number(length) <= bytes.length)) {
    throw new Wrong(`${BINARY_HEADER} must be a number of bytes within the body`);
  }
  const head = bytes.subarray(0, length === undefined ? bytes.length : Number(length));
  let asked;
  try {
    asked = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(head));
  } catch {
    throw new Wrong('the body is not JSON');
  }
  const given = tensors(step, asked, bytes.subarray(head.length));
  return answer(step, asked, step.run(given));
}

// Name -> elements. Tensors as bytes stand behind the JSON in the order of the inputs.
function tensors(step, asked, binary) {
  if (!Array.isArray(asked?.inputs)) throw new Wrong('inputs must be a list');
  const found = {};
  let at = 0;
  for (const input of asked.inputs) {
    const declared = step.inputs.find((one) => one.name === input?.name);
    if (!declared) throw new Wrong(`there is no input ${JSON.stringify(input?.name ?? null).slice(0, 100)}`);
    if (input.datatype !== declared.datatype) throw new Wrong(`input ${declared.name} is ${declared.datatype}`);
    const size = input.parameters?.binary_data_size;
    if (size !== undefined && !(Number.isInteger(size) && size >= 0 && at + size <= binary.length)) {
      throw new Wrong(`binary_data_size of input ${declared.name} is beyond the body`);
    }
    const elements = size === undefined ? texts(input) : split(binary.subarray(at, at + size), declared.name);
    at += size ?? 0;
    const shape = input.shape;
    const fits = Array.isArray(shape) && shape.length === declared.shape.length
      && declared.shape.every((wanted, index) => wanted === -1 || wanted === shape[index]);
    if (!fits || shape.reduce((all, one) => all * one, 1) !== elements.length) {
      throw new Wrong(`input ${declared.name} takes shape [${declared.shape}], with as many elements`);
    }
    found[declared.name] = elements;
  }
  for (const { name } of step.inputs) if (!(name in found)) throw new Wrong(`input ${name} is missing`);
  if (at !== binary.length) throw new Wrong(`${binary.length - at} bytes belong to no input`);
  return found;
}

function texts(input) {
  const flat = Array.isArray(input.data) ? input.data.flat(8) : [undefined];
  if (!flat.every((one) => typeof one === 'string')) throw new Wrong(`data of input ${input.name} must be strings`);
  return flat.map((one) => Buffer.from(one));
}

// Each element of BYTES stands behind its length, four bytes, the lowest first.
function split(bytes, name) {
  const elements = [];
  for (let at = 0; at < bytes.length;) {
    const size = at + 4 <= bytes.length ? bytes.readUInt32LE(at) : Infinity;
    if (at + 4 + size > bytes.length) throw new Wrong(`an element of input ${name} is longer than its tensor`);
    elements.push(bytes.subarray(at + 4, at + 4 + size));
    at += 4 + size;
  }
  return elements;
}

function join(elements) {
  return Buffer.concat(elements.flatMap((one) => {
    const size = Buffer.alloc(4);
    size.writeUInt32LE(one.length);
    return [size, one];
  }));
}

function answer(step, asked, given) {
  const wanted = Array.isArray(asked.outputs) ? asked.outputs : step.outputs;
  const behind = [];
  const outputs = wanted.map((output) => {
    const declared = step.outputs.find((one) => one.name === output?.name);
    if (!declared) throw new Wrong(`there is no output ${JSON.stringify(output?.name ?? null).slice(0, 100)}`);
    const elements = given[declared.name];
    const told = { name: declared.name, datatype: declared.datatype, shape: [elements.length] };
    if (!(output.parameters?.binary_data ?? asked.parameters?.binary_data_output ?? false)) {
      return { ...told, data: elements.map(String) };
    }
    const bytes = join(elements);
    behind.push(bytes);
    return { ...told, parameters: { binary_data_size: bytes.length } };
  });
  const id = typeof asked.id === 'string' ? { id: asked.id } : {};
  const [type, head] = json({ model_name: step.name, model_version: '1', ...id, outputs });
  if (!behind.length) return [type, head];
  return ['application/octet-stream', Buffer.concat([head, ...behind]), { [BINARY_HEADER]: head.length }];
}
