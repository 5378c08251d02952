// Two networks that learn in the page to light one pixel, and nothing else: forward, backward,
// Adam. All numbers lie in one memory, which the matrix product of race_kernel.wat shares; where
// WebAssembly is missing the product below does the same, slower.
// One function, so that its own text can be sent to a worker.
// A dot is a number n: row FIRST + n / SPAN, column FIRST + n % SPAN of the canvas.


function engine() {
  const SIZE = 32, FIRST = 4, SPAN = 24, DOTS = SPAN * SPAN, PIXELS = SIZE * SIZE;
  const PAGES = 256; // of 64 KiB

  // `up`: transposed 3x3 convolutions of stride 2; otherwise 1x1 on the place and the pixel.
  // `asks`: so many dots are asked for after each step, all of them in turn.
  const NETWORKS = {
    deconv: { up: true, widths: [2, 64, 64, 32, 32, 1], batch: 8, steps: 2400, rate: 0.01, asks: 4 },
    coordconv: { up: false, widths: [4, 32, 32, 64, 64, 1], batch: 2, steps: 300, rate: 0.02, asks: 4 },
  };

  /** Numbers in [0, 1) that follow from a seed and the name of what they are for (mulberry32). */
  function random(seed, use) {
    let a = seed | 0;
    for (const letter of use) a = Math.imul(a ^ letter.charCodeAt(0), 0x9e3779b1);
    return () => {
      a = (a + 0x6d2b79f5) | 0;
      let t = Math.imul(a ^ (a >>> 15), a | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
  }

  /** Shuffle in place (Fisher and Yates). */
  function shuffle(list, draw) {
    for (let n = list.length - 1; n > 0; n--) {
      const k = Math.floor(draw() * (n + 1));
      [list[n], list[k]] = [list[k], list[n]];
    }
    return list;
  }

  /** Batches of dots, one round of all after another, each in a new order. */
  function* batches(dots, size, draw) {
    let waiting = [];
    for (;;) {
      while (waiting.length < size) waiting.push(...shuffle([...dots], draw));
      yield waiting.splice(0, size);
    }
  }

  /** What multiplies the rate: up over the first fifth, then down to zero, along cosines. */
  function oneCycle(done) {
    const slope = (from, to, part) => to + ((from - to) * (1 + Math.cos(Math.PI * part))) / 2;
    return done < 0.2 ? slope(0.04, 1, done / 0.2) : slope(1, 0, (done - 0.2) / 0.8);
  }

  /** A memory, and what race_kernel.wat does in it, or the same in plain JavaScript. */
  async function makeMemory(kernel) {
    try {
      const memory = new WebAssembly.Memory({ initial: PAGES });
      const made = await WebAssembly.instantiate(kernel, { page: { memory } });
      return { F: new Float32Array(memory.buffer), fast: true, ...made.instance.exports };
    } catch {
      const F = new Float32Array(PAGES * 16384);
      const rectify = (at, n) => {
        for (let k = at >> 2; k < (at + n) >> 2; k++) F[k] = Math.max(F[k], 0);
      };
      const mask = (to, by, n) => {
        for (let k = 0; k < n >> 2; k++) F[(to >> 2) + k] *= Number(F[(by >> 2) + k] > 0);
      };
      return { F, fast: false, product: plainProduct(F), rectify, mask };
    }
  }

  const plainProduct = (F) => (a, rows, columns, b, c, m, n, k) => {
    [a, rows, columns, b, c] = [a >> 2, rows >> 2, columns >> 2, b >> 2, c >> 2];
    for (let i = 0; i < m; i += 4)
      for (let j = 0; j < n; j += 2) {
        let p0 = 0, p1 = 0, p2 = 0, p3 = 0, q0 = 0, q1 = 0, q2 = 0, q3 = 0;
        for (let l = 0, x = a + i * rows, y = b + j; l < k; l++, x += columns, y += n) {
          const u = F[y], v = F[y + 1];
          const s0 = F[x], s1 = F[x + rows], s2 = F[x + 2 * rows], s3 = F[x + 3 * rows];
          p0 += s0 * u; q0 += s0 * v; p1 += s1 * u; q1 += s1 * v;
          p2 += s2 * u; q2 += s2 * v; p3 += s3 * u; q3 += s3 * v;
        }
        let z = c + i * n + j;
        F[z] += p0; F[z + 1] += q0; z += n;
        F[z] += p1; F[z + 1] += q1; z += n;
        F[z] += p2; F[z + 1] += q2; z += n;
        F[z] += p3; F[z + 1] += q3;
      }
  };

  /** The pixel that a dot asks for, row by row. */
  const pixel = (dot) => (FIRST + Math.floor(dot / SPAN)) * SIZE + FIRST + (dot % SPAN);
  const unit = (n) => (2 * n) / (SIZE - 1) - 1;
  const upTo = (n, multiple) => Math.ceil(n / multiple) * multiple;

  /**
   * One of the networks, in a memory of its own. `train` takes dots and a rate; `answers` gives
   * the brightest pixel of each dot; `paint` the logits of one; `weights` and `load` speak the
   * order of torch's state_dict, `gradients` that of its parameters.
   */
  function makeNetwork({ F, product, rectify, mask }, kind, normalised, draw) {
    const { up, widths, batch } = NETWORKS[kind];
    const depth = widths.length - 1;
    let top = 16;
    const room = (n) => (top += upTo(n, 8)) - upTo(n, 8);

    // Layer l takes `rows` rows (of one picture) of `inputs` numbers, multiplies them by a matrix
    // of `columns` columns, and, going up, adds each of the 9 parts of a row where it belongs.
    const layers = widths.slice(1).map((outputs, l) => {
      const side = up ? 1 << l : SIZE;
      const columns = upTo(up ? 9 * outputs : outputs, 8);
      const normed = normalised && l < depth - 1;
      return {
        outputs, columns, side, normed,
        rows: side * side,
        inputs: upTo(widths[l], 4),
        given: widths[l],
        after: (up ? 4 : 1) * side * side,
        stride: up ? outputs : columns,
      };
    });
    const start = top;
    for (const layer of layers) {
      layer.weight = room(layer.inputs * layer.columns);
      layer.bias = room(layer.outputs);
      if (layer.normed) [layer.scale, layer.shift] = [room(layer.outputs), room(layer.outputs)];
    }
    const size = top - start; // of all parameters, gaps included
    const [gradient, first, second] = [room(size), room(size), room(size)];
    const toGradient = gradient - start;
    const input = room(batch * layers[0].rows * layers[0].inputs);
    for (const layer of layers) {
      const { outputs, after, stride } = layer;
      layer.out = room(batch * after * stride);
      if (layer.normed) {
        layer.normal = room(batch * after * outputs);
        [layer.mean, layer.variance, layer.inverse] = [room(outputs), room(outputs), room(outputs)];
      }
    }
    const widest = (f) => room(Math.max(...layers.map(f)));
    let [delta, other] = [0, 1].map(() => widest(({ after, stride }) => batch * after * stride));
    const parts = widest(({ rows, columns }) => batch * rows * columns);
    const turned = widest(({ inputs, columns }) => inputs * columns), one = room(1);
    layers.forEach((layer, l) => (layer.from = l ? layers[l - 1].out : input));

    /** c += a b, so many of k at once as stay near the processor. */
    const multiply = (a, rows, columns, b, c, m, n, k) => {
      for (let l = 0; l < k; l += 256)
        product(4 * (a + l * columns), 4 * rows, 4 * columns, 4 * (b + l * n), 4 * c, m, n, Math.min(256, k - l));
    };
    const clear = (at, n) => F.fill(0, at, at + n);

    /** Call f(part, pixel) for each of the 9 parts of a row that falls into the picture. */
    function spread({ side, outputs, columns }, count, f) {
      const wide = 2 * side;
      for (let p = 0, row = 0; p < count; p++)
        for (let i = 0; i < side; i++)
          for (let j = 0; j < side; j++, row++)
            for (let t = 0; t < 9; t++) {
              const y = 2 * i + ((t / 3) | 0), x = 2 * j + (t % 3);
              if (y < wide && x < wide) f(parts + row * columns + t * outputs, ((p * wide + y) * wide + x) * outputs);
            }
    }

    const [sums, others, slope] = [0, 1, 2].map(() => new Float64Array(64)); // one a channel

    function normalise({ out, normal, mean, variance, inverse, scale, shift, outputs }, rows, training) {
      sums.fill(0), others.fill(0);
      const end = training ? out + rows * outputs : out;
      for (let at = out; at < end; at += outputs) for (let c = 0; c < outputs; c++) sums[c] += F[at + c];
      for (let c = 0; c < outputs; c++) sums[c] /= rows;
      for (let at = out; at < end; at += outputs)
        for (let c = 0; c < outputs; c++) {
          const x = F[at + c] - sums[c];
          others[c] += x * x;
        }
      for (let c = 0; c < outputs; c++) others[c] /= rows;
      for (let c = 0; c < outputs; c++) {
        if (training) {
          F[mean + c] += 0.1 * (sums[c] - F[mean + c]);
          F[variance + c] += 0.1 * ((others[c] * rows) / (rows - 1) - F[variance + c]);
        } else [sums[c], others[c]] = [F[mean + c], F[variance + c]];
        F[inverse + c] = 1 / Math.sqrt(others[c] + 1e-5);
      }
      for (let r = 0, at = 0; r < rows; r++)
        for (let c = 0; c < outputs; c++, at++) {
          const x = (F[normal + at] = (F[out + at] - sums[c]) * F[inverse + c]);
          F[out + at] = Math.max(x * F[scale + c] + F[shift + c], 0);
        }
    }

    function unnormalise({ normal, inverse, scale, shift, outputs }, rows) {
      sums.fill(0), others.fill(0);
      for (let r = 0, at = 0; r < rows; r++)
        for (let c = 0; c < outputs; c++, at++) {
          sums[c] += F[delta + at];
          others[c] += F[delta + at] * F[normal + at];
        }
      for (let c = 0; c < outputs; c++) {
        F[shift + toGradient + c] = sums[c];
        F[scale + toGradient + c] = others[c];
        slope[c] = F[inverse + c] * F[scale + c];
        [sums[c], others[c]] = [sums[c] / rows, others[c] / rows];
      }
      for (let r = 0, at = 0; r < rows; r++)
        for (let c = 0; c < outputs; c++, at++) {
          F[delta + at] = slope[c] * (F[delta + at] - sums[c] - F[normal + at] * others[c]);
        }
    }

    function forward(dots, training) {
      const count = dots.length;
      const each = 4 * layers[0].rows;
      dots.forEach((dot, p) => {
        const [i, j] = [unit(FIRST + Math.floor(dot / SPAN)), unit(FIRST + (dot % SPAN))];
        for (let at = input + p * each; at < input + (p + 1) * each; at += 4) [F[at], F[at + 1]] = [i, j];
      });
      layers.forEach((layer, l) => {
        const { from, inputs, outputs, columns, stride, weight, bias, out } = layer;
        const before = count * layer.rows, rows = count * layer.after;
        // Every row begins as the bias.
        F.copyWithin(out, bias, bias + stride);
        for (let n = stride; n < rows * stride; n *= 2) F.copyWithin(out + n, out, out + Math.min(n, rows * stride - n));
        if (up) {
          clear(parts, before * columns);
          multiply(from, inputs, 1, weight, parts, upTo(before, 4), columns, inputs);
          spread(layer, count, (part, pixel) => {
            for (let c = 0; c < outputs; c++) F[out + pixel + c] += F[part + c];
          });
        } else multiply(from, inputs, 1, weight, out, before, columns, inputs);
        if (layer.normed) normalise(layer, rows, training);
        else if (l < depth - 1) rectify(4 * out, 4 * rows * outputs);
      });
    }

    function backward(count) {
      for (let l = depth - 1; l >= 0; l--) {
        const layer = layers[l];
        const { from, inputs, outputs, columns, stride, weight, bias, out } = layer;
        const before = count * layer.rows, rows = count * layer.after;
        if (l < depth - 1) {
          mask(4 * delta, 4 * out, 4 * rows * outputs);
          if (layer.normed) unnormalise(layer, rows);
        }
        clear(bias + toGradient, outputs);
        // Below a normalisation or the softmax a bias changes nothing: its gradient would be
        // rounding alone, of which Adam makes steps. Elsewhere it is a row of ones times delta.
        clear(turned, 4 * stride);
        if (!layer.normed && l < depth - 1) multiply(one, 0, 0, delta, turned, 4, stride, rows);
        F.copyWithin(bias + toGradient, turned, turned + outputs);
        let each = delta;
        if (up) {
          each = parts;
          clear(parts, before * columns);
          spread(layer, count, (part, pixel) => {
            for (let c = 0; c < outputs; c++) F[part + c] = F[delta + pixel + c];
          });
        }
        clear(weight + toGradient, inputs * columns);
        multiply(from, 1, inputs, each, weight + toGradient, inputs, columns, before);
        if (!l) return;
        for (let i = 0; i < inputs; i++)
          for (let c = 0; c < columns; c++) F[turned + c * inputs + i] = F[weight + i * columns + c];
        clear(other, before * inputs);
        multiply(each, columns, 1, turned, other, before, inputs, columns);
        [delta, other] = [other, delta];
      }
    }

    /** The loss of the dots, mean cross-entropy over all pixels, and its gradient. */
    function differentiate(dots) {
      forward(dots, true);
      const { out, stride } = layers[depth - 1];
      clear(delta, dots.length * PIXELS * stride);
      let loss = 0;
      dots.forEach((dot, p) => {
        const at = p * PIXELS * stride;
        let most = -Infinity, sum = 0;
        for (let n = 0; n < PIXELS; n++) most = Math.max(most, F[out + at + n * stride]);
        for (let n = 0; n < PIXELS; n++) sum += Math.exp(F[out + at + n * stride] - most);
        const target = at + pixel(dot) * stride;
        loss += (most + Math.log(sum) - F[out + target]) / dots.length;
        for (let n = at; n < at + PIXELS * stride; n += stride)
          F[delta + n] = Math.exp(F[out + n] - most) / sum / dots.length;
        F[delta + target] -= 1 / dots.length;
      });
      backward(dots.length);
      return loss;
    }

    let step = 0;
    function train(dots, rate) {
      const loss = differentiate(dots);
      step++;
      const lr = rate / (1 - 0.9 ** step), root = Math.sqrt(1 - 0.99 ** step);
      for (let n = 0; n < size; n++) {
        const g = F[gradient + n];
        const m = (F[first + n] += 0.1 * (g - F[first + n]));
        const v = (F[second + n] += 0.01 * (g * g - F[second + n]));
        F[start + n] -= (lr * m) / (Math.sqrt(v) / root + 1e-8);
      }
      return loss;
    }

    function paint(dot) {
      forward([dot], false);
      const { out, stride } = layers[depth - 1];
      return Float32Array.from({ length: PIXELS }, (_, n) => F[out + n * stride]);
    }

    function answers(dots) {
      const found = [];
      const { out, stride } = layers[depth - 1];
      for (let n = 0; n < dots.length; n += batch) {
        const some = dots.slice(n, n + batch);
        forward(some, false);
        some.forEach((_, p) => {
          let best = 0;
          const at = out + p * PIXELS * stride;
          for (let k = 1; k < PIXELS; k++) if (F[at + k * stride] > F[at + best * stride]) best = k;
          found.push(best);
        });
      }
      return found;
    }

    /** The places of all numbers, in torch's order; with `all` the running statistics too. */
    function* order(all) {
      for (const { weight, bias, scale, shift, mean, variance, ...layer } of layers) {
        const { given, outputs, columns } = layer;
        if (up) {
          for (let i = 0; i < given; i++)
            for (let o = 0; o < outputs; o++)
              for (let t = 0; t < 9; t++) yield weight + i * columns + t * outputs + o;
        } else
          for (let o = 0; o < outputs; o++)
            for (let i = 0; i < given; i++) yield weight + i * columns + o;
        const vectors = layer.normed ? [bias, scale, shift, ...(all ? [mean, variance] : [])] : [bias];
        for (const at of vectors) for (let o = 0; o < outputs; o++) yield at + o;
      }
    }

    // He's normal, cut off at two standard deviations, as coordlib.lab.models.common.he_normal_.
    F.fill(0);
    F[one] = 1;
    for (let r = 0; !up && r < batch * PIXELS; r++)
      F.set([unit(Math.floor((r % PIXELS) / SIZE)), unit(r % SIZE)], input + 4 * r + 2);
    for (const { weight, inputs, given, outputs, columns, normed, scale, variance } of layers) {
      const deviation = Math.sqrt(2 / (up ? 9 * outputs : given)) / 0.87962566103423978;
      for (let i = 0; i < given; i++)
        for (let c = 0; c < (up ? 9 : 1) * outputs; c++) {
          let z;
          do z = Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
          while (Math.abs(z) > 2);
          F[weight + i * columns + c] = deviation * z;
        }
      if (normed) for (let o = 0; o < outputs; o++) F[scale + o] = F[variance + o] = 1;
    }
    const weights = () => Float32Array.from(order(true), (at) => F[at]);
    const gradients = () => Float32Array.from(order(false), (at) => F[at + toGradient]);
    const load = (numbers) => [...order(true)].forEach((at, n) => (F[at] = numbers[n]));
    return { train, differentiate, answers, paint, weights, gradients, load };
  }

  /** Which dots are hidden, 0 or 1 each: those of a split, by name, or "0101..." as written. */
  function hiddenDots(split, seed, own) {
    const all = Array.from({ length: DOTS }, (_, n) => n);
    if (split === "uniform") {
      const chosen = new Set(shuffle([...all], random(seed, "split")).slice(0, Math.round(DOTS / 5)));
      return all.map((n) => Number(chosen.has(n)));
    }
    const beyond = (n) => FIRST + n > SIZE / 2;
    if (split === "quadrant") return all.map((n) => Number(beyond(Math.floor(n / SPAN)) && beyond(n % SPAN)));
    return all.map((n) => Number(own[n] === "1"));
  }

  /** A training from a seed: `step` takes one step, `report` tells how things stand. */
  async function makeTraining({ kind, normalised, seed, hidden, kernel }) {
    const { steps, batch, rate, asks } = NETWORKS[kind];
    const network = makeNetwork(await makeMemory(kernel), kind, normalised, random(seed, kind));
    const all = Array.from(hidden, (_, n) => n);
    const drawn = batches(all.filter((n) => !hidden[n]), batch, random(seed, "order"));
    const asked = batches(all, asks, random(seed, "asked"));
    const right = new Uint8Array(DOTS);
    let [done, at] = [false, 0];
    const ask = (dots) => network.answers(dots).forEach((n, k) => (right[dots[k]] = Number(n === pixel(dots[k]))));
    function step() {
      network.train(drawn.next().value, rate * oneCycle(at / (steps - 1)));
      ask(asked.next().value);
      // What was right when it was asked may not be so any more: in the end all are asked again.
      if (++at === steps || right.every(Boolean)) {
        ask(all);
        done = at === steps || right.every(Boolean);
      }
      return done;
    }
    const report = (dot) => ({ at, steps, done, right: right.slice(), painted: network.paint(dot) });
    return { step, report, weights: network.weights };
  }

  /** Serve one training in a worker. */
  function serve(self) {
    let ready, training, dot, running, pace, seconds = 0, told = 0;
    const turn = new MessageChannel(); // a timer would wait 4 ms each time
    const tell = () => {
      told = performance.now();
      self.postMessage({ ...training.report(dot), dot, seconds });
    };
    function slice(wanted) {
      const start = performance.now();
      let done;
      do done = training.step();
      while (!done && !wanted && performance.now() - start < 40);
      seconds += (performance.now() - start) / 1000;
      if (done || wanted || performance.now() - told > pace) tell();
      if (done) running = false;
    }
    turn.port1.onmessage = () => {
      if (!running) return;
      slice(false);
      turn.port2.postMessage(0);
    };
    self.onmessage = async ({ data }) => {
      if (data.start) [ready, pace] = [makeTraining(data.start), data.start.pace];
      training = await ready;
      if ("dot" in data) dot = data.dot;
      if ("run" in data && running !== data.run) {
        running = data.run;
        turn.port2.postMessage(0);
      }
      if (data.once) slice(true);
      else if (!running) tell();
      if (data.take) {
        let text = "";
        for (const byte of new Uint8Array(training.weights().buffer)) text += String.fromCharCode(byte);
        self.postMessage({ weights: btoa(text) });
      }
    };
  }

  return { NETWORKS, SIZE, FIRST, SPAN, random, batches, oneCycle, makeMemory, makeNetwork, hiddenDots, makeTraining, serve };
}
