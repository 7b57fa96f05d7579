import Foundation
import Testing

extension Workshop {
  /// Writes a geometry, and a vocabulary of the fixtures of CLIPTests beside it.
  ///
  /// - Parameters:
  ///   - config: the text of `config.json`.
  ///   - vocabulary: the files, relative to the fixtures.
  /// - Returns: the file of the geometry.
  /// - Throws: the errors of the file system.
  func geometry(_ config: String, vocabulary: [String]) throws -> URL {
    let folder = file("geometry")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for name in vocabulary {
      let source = Program.root.appendingPathComponent("Tests/CLIPTests/Fixtures/\(name)")
      try FileManager.default.copyItem(
        at: source, to: folder.appendingPathComponent(source.lastPathComponent))
    }
    let file = folder.appendingPathComponent("config.json")
    try Data(config.utf8).write(to: file)
    return file
  }

  /// Trains a method with random weights of a geometry, and evaluates it.
  func expectTraining(_ method: String, with geometry: URL) throws {
    let trained = try Program.run(
      training("run", epochs: 1, clip: "random:\(geometry.path)", more: ["--method", method]))
    #expect(trained.code == 0, "\(trained.err)")
    let evaluated = try Program.run("evaluate", file("run").path)
    #expect(evaluated.code == 0, "\(evaluated.err)")
  }
}
