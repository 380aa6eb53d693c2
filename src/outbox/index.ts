/** What to send next to one master and what to forget: streams, marks, windows, gaps, retention. Pure. */
export * from './retention.js'
export * from './sender.js'
