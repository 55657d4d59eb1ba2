// A release's WASM comes in strands, because so it compresses better: what is alike stands side by side (xtask/split/src/strands/
// says how). Here they are plied together again, into the module that every browser knows. The page does so while it starts
// (assets/boot.js), and once for all for the copy that it keeps (assets/site/sw.js).

const [INSTRUCTIONS, LOCALS, CALLS, OFFSETS, VECTORS, NUMBERS, BLOCKS, RAW, SIGNATURES, DECLARED, WIDE, SMALL, LARGE, ALONE] = Array(14).keys();
/** Constants have a strand for each instruction that may follow them; behind an `ALONE` instruction stands nothing. */
const STRANDS = SMALL + 2 * 256;
/** From this access to memory on to `LARGE_CONST` they are those whose alignment is told. */
const ODD = 0xd3;
const LARGE_CONST = 0xea;
const VECTOR_LOAD = 0xeb;
const VECTOR_STORE = 0xec;
const VECTOR_CONST = 0xed;
const MEMORY_COPY = 0xee;
const ACCESS = 0x28;
/** The logarithm of the width of each access to memory. */
const WIDTHS = "23230011001122232301012";

/** The strand in which that stands which follows an instruction. */
const FOLLOWS = new Uint8Array(256).fill(ALONE);
for (const [strand, ...ranges] of [
  [BLOCKS, 2, 4],
  [NUMBERS, 0x0c, 0x0d, 0x23, 0x26, 0x3f, 0x40, 0xd0, 0xd0, 0xd2, 0xd2],
  [CALLS, 0x10, 0x10],
  [SIGNATURES, 0x11, 0x11],
  [LOCALS, 0x20, 0x22],
  [RAW, 0x0e, 0x0e, 0x1c, 0x1c, 0xfc, 0xfd],
  [WIDE, 0x43, 0x44, VECTOR_CONST, VECTOR_CONST],
  [SMALL, 0x41, 0x41],
  [LARGE, LARGE_CONST, LARGE_CONST],
  [INSTRUCTIONS, 0x42, 0x42],
  [OFFSETS, ACCESS, 0x3e, ODD, LARGE_CONST - 1],
  [VECTORS, VECTOR_LOAD, VECTOR_STORE],
]) {
  for (let i = 0; i < ranges.length; i += 2) FOLLOWS.fill(strand, ranges[i], ranges[i + 1] + 1);
}

function early() {
  throw new Error("the strands of the program end too early");
}

function unknown() {
  throw new Error("what came is no program");
}

/** The number that comes next in a strand. */
function number(b, p, strand) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = b[p[strand]++];
    value |= (byte & 127) << shift;
    if (!(byte > 127)) return value;
  }
}

/** Chunks of so many bytes in all, in one. */
function joined(chunks, length) {
  if (chunks.length === 1) return chunks[0];
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** Plies one function from the places `p` of the strands in `b`, to `out` from `start` on. Returns where it ends. */
function ply(b, p, out, start) {
  // Its size stands ahead of it, in as many bytes as that takes.
  const body = start + 5;
  let at = body;
  let byte;
  let count = 0;
  for (let shift = 0; ; shift += 7) {
    out[at++] = byte = b[p[DECLARED]++];
    count |= (byte & 127) << shift;
    if (!(byte > 127)) break;
  }
  for (; count > 0; count -= 1) {
    do out[at++] = byte = b[p[DECLARED]++];
    while (byte > 127);
    out[at++] = b[p[DECLARED]++];
  }
  for (let depth = 1; depth > 0; ) {
    const code = b[p[INSTRUCTIONS]++];
    let strand = FOLLOWS[code];
    if (strand === undefined) early();
    if (strand === ALONE) {
      if (code === MEMORY_COPY) {
        out.set([0xfc, 0x0a, 0, 0], at);
        at += 4;
      } else {
        out[at++] = code;
        if (code === 0x0b) depth -= 1;
      }
      continue;
    }
    if (strand === OFFSETS) {
      out[at++] = code < ODD ? code : code - ODD + ACCESS;
      out[at++] = code < ODD ? WIDTHS.charCodeAt(code - ACCESS) - 48 : b[p[NUMBERS]++];
    } else if (strand === VECTORS) {
      out[at++] = 0xfd;
      out[at++] = code === VECTOR_LOAD ? 0 : 0x0b;
      out[at++] = b[p[NUMBERS]++];
    } else if (strand === RAW) {
      out[at++] = code;
      for (let length = number(b, p, RAW); length > 0; length -= 1) out[at++] = b[p[RAW]++];
      continue;
    } else if (strand === WIDE) {
      if (code === VECTOR_CONST) out.set([0xfd, 0x0c], at++);
      else out[at] = code;
      at += 1;
      for (let length = code === 0x43 ? 4 : code === 0x44 ? 8 : 16; length > 0; length -= 1) out[at++] = b[p[WIDE]++];
      continue;
    } else {
      out[at++] = strand === LARGE ? 0x41 : code;
      if (strand === BLOCKS) depth += 1;
      if (strand === SMALL || strand === LARGE) strand = (strand === SMALL ? SMALL : SMALL + 256) + b[p[INSTRUCTIONS]];
      if (strand === SIGNATURES) {
        do out[at++] = byte = b[p[SIGNATURES]++];
        while (byte > 127);
      }
    }
    do out[at++] = byte = b[p[strand]++];
    while (byte > 127);
  }
  let size = at - body;
  let end = start;
  for (; size > 127; size >>>= 7) out[end++] = (size & 127) | 128;
  out[end++] = size;
  out.copyWithin(end, body, at);
  return end + at - body;
}

/** Functions, of whose strands `b` holds the bytes and `p` the places, in pieces. */
function* code(b, p, out, functions) {
  let end = 0;
  yield* inPieces(out, functions, () => (end = ply(b, p, out, end)));
}

/** So many things, of which `write` writes one at a time to `out` and says where it ends, in pieces. */
function* inPieces(out, count, write) {
  for (let given = 0; count > 0; count -= 1) {
    const end = write();
    if (end - given < PIECE && count > 1) continue;
    yield out.subarray(given, end);
    given = end;
  }
}

/** The kinds of pieces that are strands, by their numbers: how many strands, and how an entry is plied where it is not code. */
const KINDS = {
  2: [STRANDS],
  // Exports: names, kinds, steps from number to number.
  3: [3, (from) => {
    const step = from.number(0);
    if (step) from.name((from.counted += step));
    else from.bytes(0, from.copy(0));
    from.bytes(1, 1);
    from.put((from.last += from.step(2)));
  }],
  // Segments of elements: gaps, counts, the two bytes of each number and one more, or zero for the next one.
  4: [4, (from) => {
    from.place();
    const count = from.copy(1);
    for (let i = 0; i < count; i += 1) {
      const told = from.byte(2) | (from.byte(3) << 8);
      const number = told ? told - 1 : from.next;
      from.next = Math.max(from.next, number + 1);
      from.put(number);
    }
    from.last += count;
  }],
  // Segments of data: gaps, lengths, bytes.
  5: [3, (from) => {
    from.place();
    const length = from.copy(1);
    from.bytes(2, length);
    from.last += length;
  }],
  // Stand-ins: whom they call first, how many parameters each type has, types, steps from slot to slot.
  6: [4, (from) => {
    from.least ??= from.number(0);
    const call = from.least + from.number(0);
    const type = from.number(2);
    from.sized(() => {
      from.out.set([0, 0x10], from.at);
      from.at += 2;
      from.put(call);
      for (let i = 0; i < from.b[from.p[1] + type]; i += 1) {
        from.out.set([0x20, i], from.at);
        from.at += 2;
      }
      from.out[from.at++] = 0x41;
      from.put((from.last += from.step(3)), 63);
      from.out[from.at++] = 0x11;
      from.put(type);
      from.out.set([0, 0x0b], from.at);
      from.at += 2;
    });
  }],
  // Imports: zeros and lengths; those that are written whole; steps from name to name, and types, of functions of the same module.
  7: [4, (from) => {
    const length = from.number(0);
    if (length) {
      const whole = from.b.subarray(from.p[1], from.p[1] + length);
      const [module] = whole;
      from.module = whole.subarray(0, module + 1);
      from.counted = whole.subarray(module + 2, module + 2 + whole[module + 1]).reduce((sum, letter) => sum * 52 + LETTERS.indexOf(letter) + 1, 0);
      from.bytes(1, length);
    } else {
      from.out.set(from.module, from.at);
      from.at += from.module.length;
      from.name((from.counted += from.number(2)));
      from.out[from.at++] = 0;
      from.copy(3);
    }
  }],
};

/** What short names are made of: in the order of the letters' numbers, the small ones first. */
const LETTERS = new TextEncoder().encode("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

/** The strands of entries that are plied one after the other. */
class Strands {
  at = 0;
  last = 0;
  next = 0;
  counted = 0;

  constructor(b, p, out) {
    Object.assign(this, { b, p, out });
  }

  byte(strand) {
    return this.b[this.p[strand]++];
  }

  number(strand) {
    return number(this.b, this.p, strand);
  }

  /** A step up or down. */
  step(strand) {
    const folded = this.number(strand);
    return (folded >>> 1) ^ -(folded & 1);
  }

  /** Writes a number; with `most` 63 one whose sign could be told. */
  put(value, most = 127) {
    for (; value > most; value >>>= 7) this.out[this.at++] = (value & 127) | 128;
    this.out[this.at++] = value;
  }

  copy(strand) {
    const value = this.number(strand);
    this.put(value);
    return value;
  }

  bytes(strand, length) {
    this.out.set(this.b.subarray(this.p[strand], (this.p[strand] += length)), this.at);
    this.at += length;
  }

  /** The short name with this number, behind its length. */
  name(number) {
    const start = this.at;
    for (let left = number; left > 0; left = Math.floor((left - 1) / 52)) this.at += 1;
    this.out[start] = this.at - start;
    for (let at = this.at; at > start; at -= 1, number = Math.floor((number - 1) / 52)) this.out[at] = LETTERS[(number - 1) % 52];
    this.at += 1;
  }

  /** What `write` writes, behind its size. */
  sized(write) {
    const start = this.at;
    write();
    const size = this.at - start;
    this.out.copyWithin(start + (size > 127 ? 2 : 1), start, this.at);
    this.at = start;
    this.put(size);
    this.at += size;
  }

  /** The head of a segment, which begins behind the one before it. */
  place() {
    this.last += this.number(0);
    this.out.set([0, 0x41], this.at);
    this.at += 2;
    this.put(this.last, 63);
    this.out[this.at++] = 0x0b;
  }
}

/** Entries, in pieces. */
function* entries(b, p, out, count, ply) {
  const from = new Strands(b, p, out);
  yield* inPieces(out, count, () => {
    ply(from);
    return from.at;
  });
}

/** Behind the last piece. */
const END = 8;
/** How much is plied before it is handed on: a millisecond's work, and a few while the browser has not compiled it yet. */
const PIECE = 1 << 14;
/** With this header an answer says that it is plied. */
const PLIED = "giljabi-plied";

/** Plies what is handed to it bit by bit. A module that is none of strands stays as it is. */
class Plier {
  #chunks = [];
  #bytes = 0;
  /** So many bytes must be there before it can go on. */
  #wants = 1;
  /** So many bytes of a piece that is as it is are still to come. */
  #plain = 0;
  #ended = false;

  /** Takes what has come, and gives what can be plied now, in pieces. */
  *plied(chunk) {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#wants) return;
    const b = joined(this.#chunks, this.#bytes);
    let at = 0;
    /** The number that stands at `at`, if all of it is there. */
    const next = () => {
      let value = 0;
      for (let shift = 0; at < b.length; shift += 7) {
        value |= (b[at] & 127) << shift;
        if (b[at++] < 128) return value;
      }
      at = Infinity;
    };
    this.#wants = 1;
    while (at < b.length) {
      const from = at;
      if (this.#plain > 0) {
        at = Math.min(b.length, at + this.#plain);
        this.#plain -= at - from;
        yield b.subarray(from, at);
      } else if (b[at] === 0) {
        this.#plain = Infinity;
      } else if (b[at] === 1) {
        at += 1;
        const length = next();
        if (at <= b.length) this.#plain = length;
      } else if (b[at] === END) {
        at += 1;
        this.#ended = true;
      } else {
        const [strands, entry] = KINDS[b[at++]] ?? unknown();
        const [count, size, ...lengths] = Array.from({ length: strands + 2 }, next);
        const told = at <= b.length;
        const places = Int32Array.from(lengths, (length) => (at += length) - length);
        if (at <= b.length) {
          const out = new Uint8Array(size + 5);
          yield* entry ? entries(b, places, out, count, entry) : code(b, places, out, count);
        } else {
          // Without all lengths nobody knows how much it is.
          this.#wants = told ? at - from : b.length - from + 1;
          at = Infinity;
        }
      }
      if (at > b.length) {
        at = from;
        break;
      }
    }
    this.#chunks = [b.subarray(at)];
    this.#bytes = b.length - at;
  }

  /** Nothing more comes. */
  end() {
    if (this.#bytes > 0 || (!this.#ended && this.#plain !== Infinity)) early();
  }
}

/**
 * The answer with its module plied while it comes. After each piece it waits for what `breath` gives, if it gives something: on the
 * page's own thread the browser draws and listens there.
 */
export function plied(answer, breath) {
  if (!answer.ok || answer.headers.has(PLIED)) return answer;
  const plier = new Plier();
  const plying = new TransformStream({
    async transform(chunk, out) {
      for (const piece of plier.plied(chunk)) {
        out.enqueue(piece);
        const pause = breath?.();
        if (pause) await pause;
      }
    },
    flush: () => plier.end(),
  });
  return new Response(answer.body.pipeThrough(plying), { headers: { "content-type": "application/wasm", [PLIED]: "yes" } });
}

/** The bytes of a module that is there as a whole. */
export function pliedBytes(stranded) {
  const plier = new Plier();
  const pieces = [...plier.plied(stranded)];
  plier.end();
  return joined(pieces, pieces.reduce((sum, piece) => sum + piece.length, 0));
}
