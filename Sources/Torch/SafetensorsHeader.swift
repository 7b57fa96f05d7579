import Foundation

/// The JSON header of a safetensors file: its grammar, its checks and its writer.
///
/// The format forbids things that other JSON readers accept, such as a duplicate key.
struct SafetensorsHeader {
  private(set) var metadata: [String: String] = [:]
  private(set) var entries: [String: SafetensorsFile.Entry] = [:]

  static let types: [String: DType] = [
    "F64": .float64, "F32": .float32, "F16": .float16, "BF16": .bfloat16, "I64": .int64, "I32": .int32,
    "I16": .int16, "I8": .int8, "U64": .uint64, "U32": .uint32, "U16": .uint16, "U8": .uint8, "BOOL": .bool,
    "F8_E5M2": .float8e5m2, "F8_E4M3": .float8e4m3,
  ]

  init(_ bytes: [UInt8], file: String) throws {
    guard String(validating: bytes, as: UTF8.self) != nil else { throw SafetensorsError.notUTF8(file) }
    var scanner = JSONScanner(bytes: bytes, file: file)
    guard case .object(let members) = try scanner.document() else {
      throw SafetensorsError.badHeader(file, reason: "it is not a JSON object")
    }
    for (name, value) in members {
      if name == "__metadata__" {
        metadata = try Self.readMetadata(value, file)
      } else {
        entries[name] = try Self.readEntry(name, value, file)
      }
    }
  }

  private static func readMetadata(_ value: JSONScanner.Value, _ file: String) throws -> [String: String] {
    guard case .object(let members) = value else {
      throw SafetensorsError.badHeader(file, reason: "__metadata__ is not an object")
    }
    return try members.mapValues { value in
      guard case .string(let text) = value else {
        throw SafetensorsError.badHeader(file, reason: "__metadata__ holds something that is not text")
      }
      return text
    }
  }

  private static func readEntry(
    _ name: String, _ value: JSONScanner.Value, _ file: String
  ) throws -> SafetensorsFile.Entry {
    guard case .object(let members) = value, Set(members.keys) == ["dtype", "shape", "data_offsets"],
      case .string(let type)? = members["dtype"],
      let shape = members["shape"]?.integers, let offsets = members["data_offsets"]?.integers,
      offsets.count == 2
    else {
      throw SafetensorsError.badHeader(file, reason: "\(name) must hold dtype, shape and data_offsets")
    }
    guard let dtype = types[type] else {
      throw SafetensorsError.unknownType(file, tensor: name, type: type)
    }
    // libtorch computes strides from the other sizes of a tensor without elements, too.
    guard (try? elementCount(shape.map { max($0, 1) })) != nil, let count = try? elementCount(shape) else {
      throw SafetensorsError.overflow(file, tensor: name)
    }
    let (size, overflow) = count.multipliedReportingOverflow(by: dtype.byteCount)
    guard !overflow else { throw SafetensorsError.overflow(file, tensor: name) }
    guard offsets[0] <= offsets[1] else {
      throw SafetensorsError.badOffsets(file, tensor: name, reason: "the offsets \(offsets) are reversed")
    }
    guard offsets[1] - offsets[0] == size else {
      throw SafetensorsError.badOffsets(
        file, tensor: name,
        reason: "\(type) of shape \(shape) takes \(size) bytes, the offsets \(offsets) say otherwise")
    }
    return .init(dtype: dtype, shape: shape, offsets: offsets[0]..<offsets[1])
  }

  /// Checks that the tensors fill the data from start to end without overlaps and gaps.
  func checkLayout(dataBytes: Int, file: String) throws {
    var end = 0
    let order = entries.sorted {
      ($0.value.offsets.lowerBound, $0.value.offsets.upperBound)
        < ($1.value.offsets.lowerBound, $1.value.offsets.upperBound)
    }
    for (name, entry) in order {
      let offsets = entry.offsets
      guard offsets.lowerBound >= end else {
        throw SafetensorsError.notContiguous(file, tensor: name, reason: "overlaps the tensor before it")
      }
      guard offsets.lowerBound == end else {
        throw SafetensorsError.notContiguous(
          file, tensor: name, reason: "\(offsets.lowerBound - end) bytes before it belong to no tensor")
      }
      guard offsets.upperBound <= dataBytes else {
        throw SafetensorsError.truncated(file, needed: offsets.upperBound, bytes: dataBytes)
      }
      end = offsets.upperBound
    }
    guard end == dataBytes else {
      throw SafetensorsError.notContiguous(
        file, tensor: "the end", reason: "\(dataBytes - end) bytes belong to no tensor")
    }
  }

  /// Encodes the header of tensors in the order of their data, padded with spaces to 8·n bytes.
  static func encode(
    _ tensors: [(name: String, dtype: DType, shape: [Int])], _ metadata: [String: String]
  ) -> Data {
    let names = Dictionary(uniqueKeysWithValues: types.map { ($1, $0) })
    var members: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key < $1.key }.map { "\(quoted($0.key)):\(quoted($0.value))" }
      members.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
    }
    var start = 0
    for (name, dtype, shape) in tensors {
      let end = start + shape.reduce(dtype.byteCount, *)
      let sizes = shape.map(String.init).joined(separator: ",")
      members.append(
        "\(quoted(name)):{\"dtype\":\"\(names[dtype] ?? "")\",\"shape\":[\(sizes)],"
          + "\"data_offsets\":[\(start),\(end)]}")
      start = end
    }
    var header = Data("{\(members.joined(separator: ","))}".utf8)
    header.append(contentsOf: repeatElement(0x20, count: (8 - header.count % 8) % 8))
    return header
  }

  private static func quoted(_ text: String) -> String {
    let escaped = text.unicodeScalars.map { scalar -> String in
      switch scalar {
      case "\"": "\\\""
      case "\\": "\\\\"
      default: scalar.value < 0x20 ? String(format: "\\u%04x", scalar.value) : String(scalar)
      }
    }
    return "\"\(escaped.joined())\""
  }
}
