/** One figure of a bench, as `--json` prints it. */
export interface Figure {
  readonly bench: string
  readonly case: string
  readonly figure: string
  readonly value: number
  readonly unit: string
  /** What was aimed at, such as `>= 0.985`; null where the figure only informs. */
  readonly aim: string | null
}

/** Prints figures as they come: a line of JSON for each, or rows of a table. Benches measure, they never assert. */
export class Figures {
  readonly #bench: string
  readonly #asJson: boolean
  #lastCase = ''

  constructor(bench: string, asJson: boolean) {
    this.#bench = bench
    this.#asJson = asJson
  }

  add(caseName: string, figure: string, value: number, unit: string, aim: string | null = null): void {
    const rounded = Number(value.toPrecision(4))
    if (this.#asJson) {
      const line: Figure = { bench: this.#bench, case: caseName, figure, value: rounded, unit, aim }
      console.log(JSON.stringify(line))
      return
    }
    if (caseName !== this.#lastCase) console.log(`\n${caseName}`)
    this.#lastCase = caseName
    console.log(
      `  ${figure.padEnd(44)} ${String(rounded).padStart(10)} ${unit.padEnd(12)} ${aim === null ? '' : `aim ${aim}`}`.trimEnd(),
    )
  }

  /** A remark for people: what was left out, and why. */
  note(text: string): void {
    console.error(this.#asJson ? `${this.#bench}: ${text}` : `\n${text}`)
  }
}
