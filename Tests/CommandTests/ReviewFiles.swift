import Foundation
import Testing

/// The files of a review that the program wrote.
struct ReviewFiles {
  let url: URL

  init(_ url: URL) { self.url = url }

  /// The argument of the call in a data file.
  func content(_ path: String) throws -> [String: Any] {
    let text = try String(contentsOf: url.appendingPathComponent(path), encoding: .utf8)
    let start = try #require(text.firstIndex(of: "("))
    let json = Data(text[text.index(after: start)...].dropLast(3).utf8)
    return try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
  }

  /// A column of texts of the queue.
  func column(_ name: String) throws -> [String] {
    try #require(try content("queue.js")[name] as? [String])
  }

  /// Stores a decision as the server does.
  func decide(_ item: String, _ verdict: String, by reviewer: String = "Ana") throws {
    let decision: [String: Any] = [
      "format": 1, "review": try content("review.js")["id"] ?? "", "item": item, "reviewer": reviewer,
      "time": "2026-05-04T09:31:07.250Z", "verdict": verdict, "class": NSNull(), "comment": "",
      "masks": NSNull(), "model_hash": try content("items/\(item).js")["model_hash"] ?? "", "seconds": 2,
      "revision": 1,
    ]
    let folder = url.appendingPathComponent("decisions/\(reviewer)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try JSONSerialization.data(withJSONObject: decision)
      .write(to: folder.appendingPathComponent("\(item).json"))
  }

  /// The bytes of the files below the folder, by path; without the time of writing and the random ID.
  func files() throws -> [String: Data] {
    let id = try content("review.js")["id"] as? String ?? ""
    var found: [String: Data] = [:]
    for path in try FileManager.default.subpathsOfDirectory(atPath: url.path).sorted() {
      let file = url.appendingPathComponent(path)
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: file.path, isDirectory: &isFolder), !isFolder.boolValue
      else { continue }
      var data = try Data(contentsOf: file)
      if path == "review.js" {
        let text = String(decoding: data, as: UTF8.self).replacing(id, with: "")
        data = Data(text.replacing(#/"created":"[^"]*"/#, with: "").utf8)
      }
      found[path] = data
    }
    return found
  }
}
