import { helper, LOOP_PARTS, pinned, SIGNALLING_CPU } from '../lib/helper.js';
import { openBench, requestVectors } from '../lib/host.js';
import { type Benchmark, type Contender, median } from '../lib/measure.js';
import type { PciDevice } from '../../lib/index.js';

/**
 * Nanoseconds between a delivery and the next signal. With `HOT`, the receiver spins. With `IDLE`,
 * the receiver sleeps.
 */
const HOT = 3_000;
const IDLE = 200_000;
const SAMPLES = { hot: 5000, idle: 500 };

/**
 * The benchmarks of the latency between a signal on another CPU and the call of the listener. The
 * result of a round is the median latency.
 */
export function latencyBenchmarks(): Benchmark[] {
  const { device } = openBench(1);
  const fds = requestVectors(device, 1);
  const fdsInC = Int32Array.of(device.createEventfd().fd ?? -1);
  const spinInC: Contender = {
    name: 'C, spinning',
    run: () => pinned(() => us(helper.receive(fdsInC, HOT, SAMPLES.hot, SIGNALLING_CPU, true))),
  };
  const blockInC: Contender = {
    name: 'C, blocking',
    run: () => pinned(() => us(helper.receive(fdsInC, IDLE, SAMPLES.idle, SIGNALLING_CPU, false))),
  };
  const receiver = new Receiver(device, fds);
  const receiverInC = new ReceiverInC(device.createEventfd().fd ?? -1);
  return [
    {
      title: 'latency, spinning',
      unit: 'us',
      contenders: [
        spinInC,
        { name: 'poller.spin', run: () => receiver.byHand(HOT, SAMPLES.hot, true) },
      ],
      goals: [{ of: 'poller.spin', to: 'C, spinning', atMost: 1.2 }],
    },
    {
      title: 'latency from idle',
      unit: 'us',
      contenders: [
        blockInC,
        { name: 'poller.wait', run: () => receiver.byHand(IDLE, SAMPLES.idle, false) },
        { name: 'listener', run: () => receiver.byLoop(IDLE, SAMPLES.idle) },
      ],
      goals: [
        { of: 'poller.wait', to: 'C, blocking', atMost: 1.1 },
        { of: 'listener', to: 'C, blocking', atMost: 1.25 },
      ],
    },
    {
      title: 'latency, loop not asleep',
      unit: 'us',
      contenders: [
        spinInC,
        { name: 'C, in the event loop', run: () => receiverInC.awake(HOT, SAMPLES.hot) },
        { name: 'listener', run: () => receiver.awake(HOT, SAMPLES.hot) },
      ],
      goals: [{ of: 'listener', to: 'C, spinning', atMost: 2.5, stretch: 1.5 }],
    },
  ];
}

/** Receives signals in the event loop. A subclass adds the receiver. */
class LoopReceiver {
  protected readonly fds: Int32Array;
  protected more = false;
  #done: () => void = () => undefined;

  constructor(fds: Int32Array) {
    this.fds = fds;
  }

  byLoop(gap: number, samples: number): Promise<number> {
    return pinned(async () => {
      const alive = setInterval(() => undefined, 2 ** 30);
      const received = new Promise<void>((resolve) => (this.#done = resolve));
      this.start(gap, samples);
      await received;
      clearInterval(alive);
      return us(helper.stopSignals());
    });
  }

  /** Keeps the event loop awake, like a program that has other work. */
  async awake(gap: number, samples: number): Promise<number> {
    const turn = () => {
      if (this.more) setImmediate(turn);
    };
    setImmediate(turn);
    return this.byLoop(gap, samples);
  }

  protected start(gap: number, samples: number): void {
    this.more = true;
    helper.startSignals(this.fds, gap, samples, SIGNALLING_CPU);
  }

  /** Called after the last signal. */
  protected end(): void {
    this.more = false;
    this.#done();
  }
}

/** Receives the signals of an eventfd with C code in the event loop, without the library. */
class ReceiverInC extends LoopReceiver {
  constructor(fd: number) {
    super(Int32Array.of(fd));
    helper.receiveInLoop(fd, LOOP_PARTS.secondSet, new Uint32Array(1), () => {
      this.end();
    });
  }
}

/** Receives the interrupts of vector 0. */
class Receiver extends LoopReceiver {
  readonly #device: PciDevice;

  constructor(device: PciDevice, fds: Int32Array) {
    super(fds);
    this.#device = device;
    const onInterrupt = () => {
      if (!helper.received()) this.end();
    };
    device.interrupts.msix.vector(0)?.on('interrupt', onInterrupt).unref();
  }

  byHand(gap: number, samples: number, spin: boolean): Promise<number> {
    return pinned(() => {
      using poller = this.#device.interrupts.poll();
      this.start(gap, samples);
      while (this.more) {
        if (spin) poller.spin(1_000_000);
        else poller.wait(1000);
      }
      return us(helper.stopSignals());
    });
  }
}

function us(latencies: Float64Array): number {
  return median([...latencies]) / 1000;
}
