/// Texts by their bytes, for the search of all that begin at a place of a sentence.
struct PieceTrie: Sendable {
  /// The next node by node and byte.
  private var steps: [UInt64: Int32] = [:]
  /// The value of each node; -1 where no text ends.
  private var values: [Int32] = [-1]

  /// Whether there is no text.
  var isEmpty: Bool { steps.isEmpty }

  /// Adds a text.
  ///
  /// - Parameters:
  ///   - text: the bytes, at least one.
  ///   - value: the value, at least 0.
  /// - Returns: whether the text is new; otherwise its value does not change.
  @discardableResult
  mutating func insert(_ text: some Sequence<UInt8>, _ value: Int) -> Bool {
    var node = 0
    for byte in text {
      let step = UInt64(node) << 8 | UInt64(byte)
      if let next = steps[step] {
        node = Int(next)
      } else {
        steps[step] = Int32(values.count)
        node = values.count
        values.append(-1)
      }
    }
    guard node > 0, values[node] < 0 else { return false }
    values[node] = Int32(value)
    return true
  }

  /// Calls a function with the end and the value of every text at a place, the shortest first.
  func forEach(in bytes: [UInt8], from start: Int, _ body: (_ end: Int, _ value: Int) -> Void) {
    var node = 0
    for index in start..<bytes.count {
      guard let next = steps[UInt64(node) << 8 | UInt64(bytes[index])] else { return }
      node = Int(next)
      if values[node] >= 0 { body(index + 1, Int(values[node])) }
    }
  }

  /// Finds the value of a whole text.
  subscript(_ text: some Sequence<UInt8>) -> Int? {
    var node = 0
    for byte in text {
      guard let next = steps[UInt64(node) << 8 | UInt64(byte)] else { return nil }
      node = Int(next)
    }
    return values[node] >= 0 ? Int(values[node]) : nil
  }
}
