import { formatLocal, type EpochMs } from '../model/index.js'

/** Lines fit a serial terminal. */
export const columnsMax = 80

/**
 * Rows under one another, two blanks between columns; `right` names columns of figures. The last column is not padded.
 *
 * @param rows the head first
 */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): readonly string[] {
  const count = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: count }, (_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  return rows.map((row) =>
    row
      .map((cell, column) => (right.includes(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
}

/** Text behind a head, wrapped at blanks; further lines stand under the first word. */
export function wrapped(head: string, text: string, width = columnsMax): readonly string[] {
  const room = Math.max(20, width - head.length)
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ').flatMap((long) => cut(long, room))) {
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  lines.push(line)
  return lines.map((each, index) => `${index === 0 ? head : ' '.repeat(head.length)}${each}`.trimEnd())
}

function cut(word: string, room: number): readonly string[] {
  return word.length <= room ? [word] : (word.match(new RegExp(`.{1,${room}}`, 'gu')) ?? [])
}

/** `2026-03-01 08:00:00` in the site's time; a dash where there is none. */
export function localTime(at: EpochMs | null, utcOffsetMinutes: number): string {
  return at === null ? '-' : formatLocal(at, utcOffsetMinutes)
}

/** `03-01 08:00:00`: for lists, where the year is known. */
export function shortTime(at: EpochMs | null, utcOffsetMinutes: number): string {
  return at === null ? '-' : formatLocal(at, utcOffsetMinutes).slice(5)
}

/** `+08:00` */
export function offsetText(utcOffsetMinutes: number): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  const size = Math.abs(utcOffsetMinutes)
  return `${utcOffsetMinutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`
}

/** Decimal text with at least two decimals and no zeros behind them: `12.500000` gives `12.50`. */
export function amountText(decimal: string): string {
  return decimal.replace(/(\.\d\d\d*?)0+$/, '$1')
}

/** `3 d 04:12`, `04:12:33` */
export function spanText(seconds: number): string {
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0')
  const days = Math.floor(seconds / 86_400)
  const clock = `${two((seconds % 86_400) / 3600)}:${two((seconds % 3600) / 60)}`
  return days > 0 ? `${days} d ${clock}` : `${clock}:${two(seconds % 60)}`
}

export function bytesText(bytes: number): string {
  const mebibytes = bytes / 1_048_576
  return mebibytes < 1024 ? `${mebibytes.toFixed(1)} MiB` : `${(mebibytes / 1024).toFixed(1)} GiB`
}
