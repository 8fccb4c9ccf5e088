import { styleText } from 'node:util';

type Format = Parameters<typeof styleText>[0];

/** Colours a text if the stream is a terminal with colours and NO_COLOR is not set. */
export function paint(
  format: Format,
  text: string,
  stream: NodeJS.WriteStream = process.stdout,
): string {
  return styleText(format, text, { stream });
}
