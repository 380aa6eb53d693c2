import { createServer, type AddressInfo, type Server } from 'node:net'

/** The far ends of TCP links, on free ports of the loopback interface: they take requests and answer nothing. */
export class SilentWires {
  readonly ports: readonly number[]
  readonly #servers: readonly Server[]
  #onByte: () => void = () => undefined

  private constructor(servers: readonly Server[]) {
    this.#servers = servers
    this.ports = servers.map((server) => (server.address() as AddressInfo).port)
    for (const server of servers)
      server.on('connection', (socket) => {
        socket.on('data', () => this.#onByte())
        // A daemon that is killed resets its connections.
        socket.on('error', () => socket.destroy())
      })
  }

  static async open(count: number): Promise<SilentWires> {
    const servers = Array.from({ length: count }, () => createServer())
    for (const server of servers) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new SilentWires(servers)
  }

  /** When the next byte arrives, as `performance.now()` says it. @throws Error when none arrives in time */
  firstByte(patienceMs: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no byte arrived in ${patienceMs} ms`)), patienceMs)
      this.#onByte = () => {
        clearTimeout(late)
        resolve(performance.now())
      }
    })
  }

  close(): void {
    for (const server of this.#servers) server.close()
  }
}
