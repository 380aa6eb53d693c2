import { pino, type DestinationStream } from 'pino'
import type { Log } from '../ports/index.js'

/** Structured log lines on standard output (the journal takes them from there). Secrets never get this far; paths that could carry one are redacted all the same. */
export function createPinoLog(level: string, destination?: DestinationStream): Log {
  const options = {
    level,
    base: null,
    redact: {
      paths: [
        'password',
        'operator',
        'pin',
        'secret',
        'privateKey',
        '*.password',
        '*.operator',
        '*.pin',
        '*.secret',
        '*.privateKey',
      ],
      censor: '[redacted]',
    },
  }
  const logger = destination === undefined ? pino(options) : pino(options, destination)
  return {
    debug: (event, fields) => logger.debug({ event, ...fields }),
    info: (event, fields) => logger.info({ event, ...fields }),
    warn: (event, fields) => logger.warn({ event, ...fields }),
    error: (event, fields) => logger.error({ event, ...fields }),
  }
}
