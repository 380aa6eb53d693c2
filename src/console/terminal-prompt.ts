import type { ReadStream } from 'node:tty'
import { pinCharsMax } from './pin.js'

const enter = /[\r\n]/
const rubOut = new Set(['\u007f', '\b'])
const interrupt = '\u0003'
const endOfInput = '\u0004'

/** Where a question is put and answered without echo. */
export interface PromptTerminal {
  readonly input: Pick<ReadStream, 'setRawMode' | 'on' | 'off' | 'resume' | 'pause' | 'setEncoding'>
  readonly output: { write(text: string): unknown }
}

/**
 * Asks a person without showing what is typed.
 *
 * @returns null when the person gave up (Ctrl-C, Ctrl-D)
 */
export function askWithoutEcho(question: string, { input, output }: PromptTerminal): Promise<string | null> {
  return new Promise((resolve) => {
    let typed = ''
    const end = (answer: string | null): void => {
      input.off('data', take)
      input.setRawMode(false)
      input.pause()
      output.write('\n')
      resolve(answer)
    }
    const take = (piece: string): void => {
      for (const key of piece) {
        if (enter.test(key)) return end(typed)
        if (key === interrupt || (key === endOfInput && typed === '')) return end(null)
        if (rubOut.has(key)) typed = typed.slice(0, -1)
        else if (typed.length < pinCharsMax && key >= ' ') typed += key
      }
    }
    input.setRawMode(true)
    input.setEncoding('utf8')
    input.on('data', take)
    input.resume()
    output.write(question)
  })
}
