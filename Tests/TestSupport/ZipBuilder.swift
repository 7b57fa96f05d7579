import Foundation

/// Returns a zip archive of stored files.
///
/// - Parameter files: the paths and contents.
/// - Returns: the bytes of the archive.
package func zipArchive(_ files: [(path: String, content: Data)]) -> Data {
  func bytes(_ value: Int, _ count: Int) -> Data { Data((0..<count).map { UInt8(value >> (8 * $0) & 255) }) }
  func checksum(_ content: Data) -> Int {
    var sum = UInt32.max
    for byte in content {
      sum ^= UInt32(byte)
      for _ in 0..<8 {
        let half: UInt32 = sum >> 1
        sum = sum & 1 == 1 ? half ^ 0xEDB8_8320 : half
      }
    }
    return Int(~sum)
  }
  var (data, list) = (Data(), Data())
  for (path, content) in files {
    let name = Data(path.utf8)
    let common =
      bytes(0, 8) + bytes(checksum(content), 4) + bytes(content.count, 4) + bytes(content.count, 4)
      + bytes(name.count, 2) + bytes(0, 2)
    list +=
      bytes(0x0201_4B50, 4) + bytes(20, 2) + bytes(20, 2) + common + bytes(0, 10) + bytes(data.count, 4)
      + name
    data += bytes(0x0403_4B50, 4) + bytes(20, 2) + common + name + content
  }
  return data + list + bytes(0x0605_4B50, 4) + bytes(0, 4) + bytes(files.count, 2) + bytes(files.count, 2)
    + bytes(list.count, 4) + bytes(data.count, 4) + bytes(0, 2)
}
