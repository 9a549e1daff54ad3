// mqtt-packet calls what it requires, which only a CommonJS module can be.
const { BufferList } = require('./buffer-list.ts')

module.exports = () => new BufferList()
