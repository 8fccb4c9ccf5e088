import { toJsonLine } from '../json.js';
import { regionName } from '../../contract/uapi.js';
import { paint } from '../terminal.js';
import { formatFields } from './register-fields.js';
import { RegisterKeys } from './register-keys.js';
import { formatChange, formatValue } from './register-text.js';
import type { RegisterDisplay, RegisterWatch } from './register.js';
import { Screen, terminalRoom } from './view.js';

const time = (seconds: number) => `${seconds.toFixed(3).padStart(9)} s`;

/** Prints one JSON object for the first value, and one for each change. */
export function registerAsJson(watch: RegisterWatch): RegisterDisplay {
  const print = (seconds: number, fields: object) => {
    const { offset, width } = watch;
    const region = regionName(watch.region.index);
    console.log(toJsonLine({ seconds, region, offset, width, ...fields }));
  };
  return {
    first(value, seconds) {
      print(seconds, { value });
    },
    change(before, value, seconds) {
      print(seconds, { value, before, changed: before ^ value });
    },
    wrote: () => undefined,
    update: () => undefined,
    end: () => undefined,
  };
}

/** Passes one line for each event to `print`. */
export function registerAsLines(
  watch: RegisterWatch,
  print: (line: string) => void = console.log,
): RegisterDisplay {
  const fields = (value: bigint, before?: bigint) =>
    watch.named === undefined ? '' : formatFields(watch.named, value, before);
  return {
    first(value, seconds) {
      const text = formatValue(value, watch.width) + fields(value);
      print(`${time(seconds)}  ${watch.name}: ${text}`);
    },
    change(before, value, seconds) {
      const text = formatChange(before, value, watch.width) + fields(value, before);
      print(`${time(seconds)}  ${watch.name}: ${text}`);
    },
    wrote(value, seconds) {
      print(`${time(seconds)}  ${watch.name} <- ${formatValue(value, watch.width)}`);
    },
    update: () => undefined,
    end: () => undefined,
  };
}

/**
 * Prints each change on a terminal, and keeps the value and the keys in the last lines of the
 * terminal.
 *
 * @returns the display, and a function that handles typed keys and returns whether the keys end the
 *   command
 */
export function registerOnTerminal(
  name: string,
  watch: RegisterWatch,
): { display: RegisterDisplay; press: (keys: string) => boolean } {
  const screen = new Screen();
  let changes = 0;
  let last: bigint | undefined;
  const draw = (help: string, seconds = watch.seconds) => {
    const room = terminalRoom();
    const value = last === undefined ? '' : formatValue(last, watch.width);
    const count = `${changes} change${changes === 1 ? '' : 's'}`;
    const state = `${count}  ${seconds.toFixed(1)} s  every ${watch.interval} s`;
    const fit = (text: string) => text.slice(0, room.columns - 1);
    screen.draw([fit(`${name} ${watch.name}  ${value}  ${state}`), paint('dim', fit(help))], room);
  };
  const lines = registerAsLines(watch, (line) => {
    screen.print(line.slice(0, terminalRoom().columns - 1));
  });
  const keys = new RegisterKeys(
    watch,
    () => {
      draw(keys.line);
    },
    (value) => {
      lines.wrote(value, watch.seconds);
    },
  );
  const display: RegisterDisplay = {
    ...lines,
    change(before, value, seconds) {
      changes++;
      lines.change(before, value, seconds);
    },
    update(value, seconds) {
      last = value;
      draw(keys.line, seconds);
    },
    end(seconds) {
      draw('ended', seconds);
    },
  };
  return { display, press: (text) => keys.press(text) };
}
