import Foundation
import Testing

@testable import Storage
@testable import Torch

@Suite struct SafetensorsTests {
  private func file(_ header: String, data: Int = 0, claimed: UInt64? = nil) throws -> URL {
    try file(Data(header.utf8), data: data, claimed: claimed)
  }

  private func file(_ header: Data, data: Int = 0, claimed: UInt64? = nil) throws -> URL {
    var bytes = withUnsafeBytes(of: (claimed ?? UInt64(header.count)).littleEndian) { Data($0) }
    bytes.append(header)
    bytes.append(Data(count: data))
    return try store(bytes)
  }

  private func store(_ bytes: Data) throws -> URL {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).safetensors")
    try bytes.write(to: url)
    return url
  }

  private func refused(_ url: URL) -> SafetensorsError? {
    defer { try? FileManager.default.removeItem(at: url) }
    do {
      _ = try SafetensorsFile(url)
      return nil
    } catch let error as SafetensorsError {
      #expect(error.description.contains(url.path))
      return error
    } catch {
      Issue.record(error)
      return nil
    }
  }

  private func tensor(_ type: String = "F32", _ shape: String = "[2]", _ offsets: String = "[0,8]") -> String
  {
    "{\"dtype\":\"\(type)\",\"shape\":\(shape),\"data_offsets\":\(offsets)}"
  }

  @Test func releasedPagesAreReadAgainAndChangesStay() throws {
    let url = try store(Data())
    defer { try? FileManager.default.removeItem(at: url) }
    let numbers = try Tensor.randomNormal([200, 300], generator: Generator(seed: 1))
    // A small tensor shares its pages with others.
    try SafetensorsFile.write(["large": numbers, "small": numbers.selected(dim: 0, index: 0)], to: url)
    let read = try SafetensorsFile(url).tensors()
    let (large, small) = (try #require(read["large"]), try #require(read["small"]))
    for tensor in [large, small, numbers] {
      let before = try tensor.floats()
      tensor.releasePages()
      #expect(try tensor.floats() == before)
    }
    for tensor in [large, small] {
      // A view of the view counts changes, too.
      try tensor.flattened().narrowed(dim: 0, start: 0, length: 300).fill(2)
      tensor.releasePages()
      #expect(try tensor.floats().prefix(300).allSatisfy { $0 == 2 })
    }
  }

  @Test func writtenTensorsAreReadBackInEveryType() throws {
    let url = try store(Data())
    defer { try? FileManager.default.removeItem(at: url) }
    var tensors: [String: Tensor] = [:]
    for type in SafetensorsHeader.types.values {
      tensors["t\(type)"] = try Tensor([1, 0, 1, 1, 0, 1] as [Float], shape: [2, 3]).to(type)
    }
    tensors["empty"] = try .zeros([0, 4])
    tensors["scalar \"quoted\" \n é"] = try .scalar(2.5)
    try SafetensorsFile.write(tensors, metadata: ["format": "pt"], to: url)
    let read = try SafetensorsFile(url)
    #expect(read.metadata == ["format": "pt"])
    let back = try read.tensors()
    #expect(Set(back.keys) == Set(tensors.keys))
    for (name, tensor) in tensors {
      let found = try #require(back[name])
      #expect(found.shape == tensor.shape && found.dtype == tensor.dtype)
      #expect(try found.withBytes { Array($0) } == tensor.withBytes { Array($0) })
    }
  }

  @Test func sameContentGivesTheSameBytes() throws {
    let first = try store(Data())
    let second = try store(Data())
    for url in [first, second] {
      try SafetensorsFile.write(
        ["b": .ones([2]), "a": .zeros([3])], metadata: ["x": "1", "y": "2"], to: url)
    }
    #expect(try Data(contentsOf: first) == Data(contentsOf: second))
  }

  @Test func changingAViewLeavesTheFile() throws {
    let url = try store(Data())
    try SafetensorsFile.write(["a": .zeros([4])], to: url)
    let view = try #require(try SafetensorsFile(url).tensor("a"))
    try view.fill(7)
    #expect(try SafetensorsFile(url).tensor("a")?.floats() == [0, 0, 0, 0])
  }

  @Test func mappingsGiveTheirBytesWhereverTheyBegin() throws {
    let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
    let file = try OpenFile(store(Data(bytes)))
    for range in [0..<1, 5..<5, 4095..<4097, 4096..<8192, 12_345..<99_999, 0..<100_000] {
      let mapping = try FileMapping(file, range)
      #expect(Array(mapping.bytes) == Array(bytes[range]))
    }
  }

  @Test func largeTensorsOutliveTheFileAndOneAnother() throws {
    let url = try store(Data())
    let all: [String: Tensor] = [
      "a": try .arange(to: 30_000).to(.float32), "b": try .arange(to: 20_000),
      "c": try .ones([3], dtype: .uint8),
    ]
    try SafetensorsFile.write(all, to: url)
    var found = try SafetensorsFile(url).tensors()
    try FileManager.default.removeItem(at: url)
    found["b"] = nil
    for (name, tensor) in found {
      #expect(try tensor.withBytes { Array($0) } == all[name]?.withBytes { Array($0) })
    }
    try found["a"]?.fill(1)
    #expect(try found["a"]?.sum().item() == 30_000)
  }

  @Test func shortFileIsRefused() throws {
    #expect(refused(try store(Data([1, 2, 3]))) != nil)
    #expect(refused(try store(Data())) != nil)
  }

  @Test func headerBeyondTheLimitIsRefused() throws {
    guard case .headerTooLarge? = refused(try file("{}", claimed: .max)) else {
      Issue.record("not refused")
      return
    }
  }

  @Test func headerBeyondTheFileIsRefused() throws {
    guard case .truncated? = refused(try file("{}", claimed: 3)) else {
      Issue.record("not refused")
      return
    }
  }

  @Test func headerThatIsNotUTF8IsRefused() throws {
    guard case .notUTF8? = refused(try file(Data([0x7b, 0xff, 0xfe, 0x7d]))) else {
      Issue.record("not refused")
      return
    }
  }

  @Test(arguments: [
    "", "{", "[]", "{\"a\"}", "{\"a\":}", "{\"a\":1}", "{} x", "{\"a\":{\"dtype\":\"F32\"}}", "nul", "{\"a",
    "{\"a\\", "{\"\\x\":{}}", "[[[[[[[[[[[[", "{\"__metadata__\":{\"a\":1}}", "{\"a\":{\"dtype\":\"F32\",}}",
  ])
  func headerThatIsNotTheFormatsJSONIsRefused(header: String) throws {
    #expect(refused(try file(header)) != nil)
  }

  @Test func duplicateKeyIsRefused() throws {
    let url = try file("{\"a\":\(tensor()),\"a\":\(tensor())}", data: 8)
    #expect(refused(url) == .duplicateKey(url.path, key: "a"))
  }

  @Test func overlappingTensorsAreRefused() throws {
    let second = tensor("F32", "[2]", "[4,12]")
    guard case .notContiguous? = refused(try file("{\"a\":\(tensor()),\"b\":\(second)}", data: 12)) else {
      Issue.record("not refused")
      return
    }
  }

  @Test func gapBetweenTensorsIsRefused() throws {
    let second = tensor("F32", "[2]", "[12,20]")
    guard case .notContiguous? = refused(try file("{\"a\":\(tensor()),\"b\":\(second)}", data: 20)) else {
      Issue.record("not refused")
      return
    }
  }

  @Test func gapAtTheEndIsRefused() throws {
    guard case .notContiguous? = refused(try file("{\"a\":\(tensor())}", data: 9)) else {
      Issue.record("not refused")
      return
    }
  }

  @Test func offsetsOutOfRangeAreRefused() throws {
    guard case .truncated? = refused(try file("{\"a\":\(tensor())}", data: 4)) else {
      Issue.record("not refused")
      return
    }
  }

  @Test func reversedOffsetsAreRefused() throws {
    guard case .badOffsets? = refused(try file("{\"a\":\(tensor("F32", "[2]", "[8,0]"))}", data: 8)) else {
      Issue.record("not refused")
      return
    }
  }

  @Test func sizeThatDoesNotMatchShapeAndTypeIsRefused() throws {
    guard case .badOffsets? = refused(try file("{\"a\":\(tensor("F16"))}", data: 8)) else {
      Issue.record("not refused")
      return
    }
  }

  @Test func overflowingShapeIsRefused() throws {
    let shape = "[9223372036854775807,4]"
    guard case .overflow? = refused(try file("{\"a\":\(tensor("F32", shape))}", data: 8)) else {
      Issue.record("not refused")
      return
    }
    // A tensor without elements has strides, too.
    for shape in ["[0,4611686018427387904,4]", "[4611686018427387904,4,0]"] {
      let empty = "{\"a\":{\"dtype\":\"F32\",\"shape\":\(shape),\"data_offsets\":[0,0]}}"
      guard case .overflow? = refused(try file(empty, data: 0)) else {
        Issue.record("\(shape) not refused")
        continue
      }
    }
    let beyond = "[99999999999999999999]"
    guard case .overflow? = refused(try file("{\"a\":\(tensor("F32", beyond))}", data: 8)) else {
      Issue.record("not refused")
      return
    }
  }

  @Test func unknownTypeIsRefused() throws {
    guard case .unknownType? = refused(try file("{\"a\":\(tensor("Q4"))}", data: 8)) else {
      Issue.record("not refused")
      return
    }
  }

  @Test func zeroSizeTensorIsRead() throws {
    let url = try file("{\"a\":\(tensor("F32", "[0,3]", "[0,0]"))}")
    #expect(try SafetensorsFile(url).tensor("a")?.shape == [0, 3])
  }

  @Test func randomDamageNeverCrashes() throws {
    let url = try store(Data())
    try SafetensorsFile.write(["a": .ones([3]), "b": .zeros([2, 2])], metadata: ["k": "v"], to: url)
    let whole = try Data(contentsOf: url)
    var state: UInt64 = 1
    for round in 0..<400 {
      var bytes = round % 2 == 0 ? whole : whole.prefix(Int(mixed(UInt64(round)) % UInt64(whole.count)))
      if !bytes.isEmpty {
        state = mixed(state)
        bytes[Int(state % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: state >> 32)
      }
      try bytes.write(to: url)
      _ = try? SafetensorsFile(url).tensors()
    }
  }

  @Test func unwritableFolderNamesTheFile() throws {
    let url = URL(fileURLWithPath: "/nonexistent-folder/model.safetensors")
    let error = #expect(throws: FileError.self) { try SafetensorsFile.write([:], to: url) }
    #expect(error?.description.contains(url.path) == true)
  }
}
