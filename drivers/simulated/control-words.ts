/** What a person typed: a command for `controlLine`, or the text that helps. */
export type Typed =
  | { readonly kind: 'command'; readonly command: Readonly<Record<string, unknown>> }
  | { readonly kind: 'help'; readonly text: string }

/** Commands as words: name, then its fields in order; a field with `?` may be left out, one with `#` is a number. */
const forms: Readonly<Record<string, readonly string[]>> = {
  meters: [],
  truth: ['meter'],
  relay: ['meter?'],
  press: ['meter'],
  kill: ['meter'],
  revive: ['meter'],
  energy: ['meter', 'hundredths#'],
  load: ['meter', 'watts#'],
  clock: ['meter', 'aheadMs#'],
  replace: ['meter', 'by', 'hundredths#'],
  unplug: ['link'],
  plug: ['link'],
  statistics: [],
  module: ['link'],
  restart: ['link'],
  wipe: ['link'],
  swap: ['link', 'by'],
  stop: [],
}

/** Reads `press m1-001` and the like; what is wrong with the fields, the command itself says. */
export function wordsToCommand(line: string): Typed {
  const [name = '', ...words] = line.trim().split(/\s+/)
  const form = forms[name]
  if (form === undefined) return { kind: 'help', text: helpText() }
  const command: Record<string, unknown> = { do: name }
  for (const [index, field] of form.entries()) {
    const word = words[index]
    if (word === undefined) continue
    command[field.replace(/[?#]$/, '')] = field.endsWith('#') ? numberOf(word) : word
  }
  return { kind: 'command', command }
}

/** A word that is no number stays a word, so that the command refuses it. */
function numberOf(word: string): number | string | null {
  if (word === 'own') return null
  return Number.isNaN(Number(word)) ? word : Number(word)
}

function helpText(): string {
  const lines = Object.entries(forms).map(
    ([name, fields]) => `  ${[name, ...fields.map((field) => field.replace('#', ''))].join(' ')}\n`,
  )
  return `commands (a meter by its address or id; "load METER own" gives it its own load again):\n${lines.join('')}`
}
