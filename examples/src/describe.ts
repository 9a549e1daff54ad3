export { describe, frameSize, quoted, versionName } from '@rxmqtt/example-broker'
