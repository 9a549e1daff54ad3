export { MqttError, type MqttErrorCode, type MqttErrorDetails } from './errors.js'
export type { TlsInfo, Transport, TransportInfo } from './transport.js'
export type * from './packet/packet.js'
export type * from './packet/properties.js'
export type * from './packet/fields.js'
export {
  type AuthReasonCode,
  type ConnackReasonCode,
  type DisconnectReasonCode,
  type PubackReasonCode,
  type PubrelReasonCode,
  ReasonCode,
  ReturnCode,
  reasonCodes,
  type SubackReasonCode,
  type UnsubackReasonCode,
} from './packet/reason-code.js'
export { Protocol } from './codec/protocol.js'
export { Decoder, type DecoderOptions } from './codec/decoder.js'
export { Encoder, type EncoderOptions } from './codec/encoder.js'
export { matchesFilter, parseTopicFilter, type TopicFilter, topicMatcher } from './topics/topic-filter.js'
export { TopicTree, type TopicTreeOptions } from './topics/topic-tree.js'
export { parse, type ParseOptions } from './operators/parse.js'
export { generate, type GenerateOptions } from './operators/generate.js'
export { ofType } from './operators/of-type.js'
export { ofTopic, type WithTopic } from './operators/of-topic.js'
export { mergeMapPausing, type MergeMapPausingOptions, type Pausable } from './operators/merge-map-pausing.js'
export {
  onBackpressureBuffer,
  type OnBackpressureBufferOptions,
  type WritableGate,
} from './operators/on-backpressure-buffer.js'
export { Connection } from './connection/connection.js'
export type { ConnectionOptions, Role } from './connection/options.js'
export type { PacketMethods } from './connection/packet-methods.js'
export type {
  SessionChange,
  SessionState,
  SessionStore,
  StoredEntry,
  StoredMessage,
} from './session/session-store.js'
export { memorySessionStore } from './session/memory-session-store.js'
export { Session } from './session/session.js'
export type { SessionOptions, SessionOverflow } from './session/options.js'
export type { Accepted } from './session/attachment.js'
export {
  type Delivery,
  type DroppedMessage,
  type Message,
  messageBytes,
  type PublishResult,
} from './session/message.js'
export type {
  AnswerOptions,
  RefusedFilter,
  SubscribeFields,
  SubscribeResult,
  UnsubscribeFields,
  UnsubscribeResult,
} from './session/subscriptions.js'
export { request, type RequestOptions, respond } from './flows/request.js'
export { handshake, type HandshakeOptions } from './flows/handshake.js'
export { accept, type AcceptedClient, type AcceptOptions, type Authorize } from './flows/accept.js'
export type { Authenticate, Authenticating, AuthStep } from './flows/authentication.js'
export { reauthenticate, type ReauthenticateOptions } from './flows/reauthenticate.js'
export { watchReauthentication, type WatchReauthenticationOptions } from './flows/watch-reauthentication.js'
export { type Answered, answerSubscribe, answerUnsubscribe, type Decision } from './flows/answers.js'
export { keepAlive, type KeepAliveOptions } from './flows/keep-alive.js'
export { watchKeepAlive } from './flows/watch-keep-alive.js'
export { keepAliveOf } from './flows/keep-alive-of.js'
export { serve } from './flows/serve.js'
export type { ServeHandler } from './flows/serve-peer.js'
export type { ServeOptions } from './flows/serve-options.js'
export type { ClosedEvent, FailedEvent, OpenedEvent, RefusedEvent, ServeEvent } from './flows/serve-event.js'
export { backoff, type BackoffOptions } from './flows/backoff.js'
