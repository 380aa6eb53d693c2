/** Delivers the streams to masters over MQTT and takes in their orders; the only importer of the mqtt library. */
export * from './broker.js'
export * from './messages.js'
export * from './mqtt-link.js'
export * from './settings.js'
export * from './topics.js'
export * from './uplink.js'
