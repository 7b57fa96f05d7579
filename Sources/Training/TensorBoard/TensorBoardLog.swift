import Foundation
import Storage
import Torch

/// The history of a run for TensorBoard: one event file, which grows by one event for each epoch.
///
/// The content follows from the history and from the time in the file's name. So a run that is
/// stopped and resumed adds the missing events and repeats none.
package struct TensorBoardLog: Sendable {
  /// The folder; `tensorboard --logdir` accepts it or any folder above it.
  package let folder: URL

  /// Names a folder without reading or creating it.
  package init(_ folder: URL) { self.folder = folder }

  /// Updates the event file to a history.
  ///
  /// It appends only missing events, because a running TensorBoard keeps the file open and would
  /// not see a replacement. It completes an event that a kill cut short. It replaces only a file of
  /// another history.
  ///
  /// - Parameters:
  ///   - epochs: the finished epochs.
  ///   - settings: text that is shown verbatim next to the curves; nil for none.
  /// - Throws: `FileError` that names the file.
  package func write(_ epochs: [EpochMetrics], settings: String? = nil) throws {
    try FileManager.default.createFolder(folder)
    let file = try existing() ?? new(epochs)
    let content = content(epochs, settings, started: Self.started(file))
    guard let old = try? Data(file: file), content.starts(with: old) else {
      return try AtomicFile.write(content, to: file)
    }
    guard content.count > old.count else { return }
    do {
      let handle = try FileHandle(forWritingTo: file)
      try handle.seekToEnd()
      try handle.write(contentsOf: content.dropFirst(old.count))
      try handle.close()
    } catch {
      throw FileError.cannotWrite(file, reason: FileError.reason(of: error))
    }
  }

  /// Returns the bytes of the whole file.
  func content(_ epochs: [EpochMetrics], _ settings: String?, started: Double) -> Data {
    var events = [TensorBoardEvent(time: started, step: 0, content: .version)]
    if let settings {
      // Markdown shows indented lines verbatim.
      let lines = settings.split(separator: "\n", omittingEmptySubsequences: false).map { "    \($0)" }
      events.append(
        TensorBoardEvent(
          time: started, step: 0, content: .text(tag: "settings", lines.joined(separator: "\n"))))
    }
    var time = started
    for epoch in epochs {
      time += epoch.seconds
      events.append(TensorBoardEvent(time: time, step: epoch.epoch, content: .scalars(Self.scalars(epoch))))
    }
    return events.reduce(into: Data()) { $0 += TensorBoardRecord.framed($1.bytes) }
  }

  private static func scalars(_ epoch: EpochMetrics) -> [(tag: String, value: Double)] {
    let terms = epoch.terms.sorted { $0.key < $1.key }.map { ("loss/\($0.key)", Optional($0.value)) }
    let all: [(tag: String, value: Double?)] =
      [("loss/total", epoch.loss), ("loss/segmentation", epoch.segmentation)] + terms + [
        ("validation/dice", epoch.validationDice), ("validation/score", epoch.validationScore),
        ("intervention/on", epoch.intervening ? 1 : 0),
        ("seconds/epoch", epoch.seconds), ("seconds/waited for images", epoch.waited),
      ]
    return all.compactMap { tag, value in value.map { (tag, $0) } }
  }

  private static let prefix = "events.out.tfevents."

  /// Returns the file of an earlier write, the first by name.
  private func existing() throws -> URL? {
    do {
      return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        .filter { $0.lastPathComponent.hasPrefix(Self.prefix) }
        .min { $0.lastPathComponent < $1.lastPathComponent }
    } catch {
      throw FileError.cannotRead(folder, reason: FileError.reason(of: error))
    }
  }

  /// Returns a file that is named after the start of the run and this machine.
  private func new(_ epochs: [EpochMetrics]) -> URL {
    let started = Date().timeIntervalSince1970 - epochs.reduce(0) { $0 + $1.seconds }
    return folder.appendingPathComponent("\(Self.prefix)\(Int(started)).\(ProcessInfo.processInfo.hostName)")
  }

  /// Returns the time in a file's name, seconds since 1970.
  private static func started(_ file: URL) -> Double {
    Double(file.lastPathComponent.dropFirst(prefix.count).prefix { $0 != "." }) ?? 0
  }
}
