import Foundation

extension ProcessGroup {
  /// Returns the values of all ranks, by rank.
  ///
  /// Values travel as JSON, which keeps every finite number and also NaN and infinity.
  ///
  /// - Parameter value: the value of this rank.
  /// - Returns: the values.
  /// - Throws: `ProcessGroupError.call`; `ProcessGroupError.value` on all ranks if one cannot be
  ///   encoded, and on those that cannot decode it.
  public func gathered<Value: Codable & Sendable>(_ value: Value) throws -> [Value] {
    let own = Letter(value)
    let (tensor, rows) = try gather(Tensor(own.bytes), differentiable: false)
    let all: [UInt8] = try tensor.array()
    var start = 0
    return try rows.enumerated().map { rank, count in
      defer { start += count }
      return try Letter(bytes: Array(all[start..<start + count])).value(of: rank)
    }
  }

  /// Runs a body on rank 0; its value reaches all ranks.
  ///
  /// - Parameter body: the body. The other ranks wait for it no longer than the timeout.
  /// - Returns: the value of the body.
  /// - Throws: on rank 0 the error of the body, on the others `ProcessGroupError.first` with its
  ///   message; `ProcessGroupError.call`; `ProcessGroupError.value` if the value cannot be encoded.
  public func first<Value: Codable & Sendable>(_ body: () throws -> Value) throws -> Value {
    guard isFirst else { return try sent(Letter(bytes: [])).value(of: 0) }
    let result = Result { try body() }
    switch result {
    case .failure(let error):
      try sent(Letter(failure: error))
      throw error
    case .success(let value):
      let letter = Letter(value)
      try sent(letter)
      try letter.requireSound(of: 0)
      return value
    }
  }

  /// Sends the letter of rank 0 to all and returns it.
  @discardableResult private func sent(_ letter: Letter) throws -> Letter {
    let count = try Tensor([letter.bytes.count])
    try broadcast(count)
    let bytes = try isFirst ? Tensor(letter.bytes) : .zeros([Int(count.item())], dtype: .uint8)
    try broadcast(bytes)
    return try Letter(bytes: bytes.array())
  }
}

/// A value, or why there is none, as bytes: a mark and JSON or a message.
private struct Letter {
  let bytes: [UInt8]

  private static let value: UInt8 = 0
  private static let notEncoded: UInt8 = 1
  private static let firstFailed: UInt8 = 2

  init(bytes: [UInt8]) { self.bytes = bytes }

  /// The letter of a body that failed on rank 0.
  init(failure: any Error) { bytes = [Self.firstFailed] + Array("\(failure)".utf8) }

  init<Value: Encodable>(_ value: Value) {
    let encoder = JSONEncoder()
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    // In an array, since some versions of Foundation encode no bare number.
    switch Result(catching: { try encoder.encode([value]) }) {
    case .success(let data): bytes = [Self.value] + Array(data)
    case .failure(let error): bytes = [Self.notEncoded] + Array("\(error)".utf8)
    }
  }

  /// Throws the message if there is no value.
  func requireSound(of rank: Int) throws {
    let text = String(decoding: bytes.dropFirst(), as: UTF8.self)
    switch bytes.first {
    case Self.value: return
    case Self.firstFailed: throw ProcessGroupError.first(text)
    default: throw ProcessGroupError.value(rank: rank, message: text)
    }
  }

  func value<Value: Decodable>(of rank: Int) throws -> Value {
    try requireSound(of: rank)
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    do {
      guard let value = try decoder.decode([Value].self, from: Data(bytes.dropFirst())).first else {
        throw ProcessGroupError.value(rank: rank, message: "it is empty")
      }
      return value
    } catch let error as DecodingError {
      throw ProcessGroupError.value(rank: rank, message: "\(error)")
    }
  }
}
