import Foundation
import Storage
import Training

/// The lines of the frames of a video, as far as they are computed: files in `videos/`.
///
/// `ID.new.jsonl` grows while the video is segmented. At the end it is `ID.frames.jsonl`, from which the
/// same call again takes all frames. After an interruption it is `ID.kept.jsonl`, and the same call goes on
/// after its last line. The first line says what they are of; files of another model or video do not count.
package struct ReviewFrames {
  /// The first line.
  private struct Header: Codable, Equatable {
    let model: String
    let video: String
  }

  private let folder: URL
  private let id: String
  private let header: Header
  /// The endings of the files of a video.
  static let endings = ["frames.jsonl", "kept.jsonl", "new.jsonl", "new.jsonl.part"]

  /// Names the files of a video.
  ///
  /// - Parameters:
  ///   - review: the review.
  ///   - id: the ID of the video.
  ///   - origin: the model and the video that the lines are of.
  /// - Throws: `FileError` that names the folder that cannot be made.
  package init(in review: ReviewFolder, id: String, of origin: ReviewOrigin) throws {
    folder = review.url.appendingPathComponent("videos")
    self.id = id
    header = Header(model: origin.model, video: origin.input)
    try FileManager.default.createFolder(folder)
  }

  /// The lines of all frames; nil if they are not there.
  package var all: [FrameRecord]? { lines(of: file(0)) }

  /// Starts to write, and finds the lines of the first frames that are there already.
  ///
  /// They stay in a file of their own until more of them are written anew, so another interruption loses none.
  ///
  /// - Returns: the file that takes the lines of all frames, and the lines that are known.
  /// - Throws: `FileError` that names the file.
  package func begin() throws -> (log: LineLog, known: [FrameRecord]) {
    let known = (1...3).map { (place: $0, lines: lines(of: file($0)) ?? []) }
    let most = known.reduce((place: 1, lines: [FrameRecord]())) { $1.lines.count > $0.lines.count ? $1 : $0 }
    if most.place != 1 { try rename(file(most.place), to: file(1)) }
    let log = try LineLog(file(2))
    try log.add(header)
    return (log, most.lines)
  }

  /// Gives the lines their place, after the log is finished.
  ///
  /// - Parameter isWhole: whether they are of all frames.
  /// - Returns: the lines.
  /// - Throws: `FileError` that names the file.
  package func end(isWhole: Bool) throws -> [FrameRecord] {
    let written = lines(of: file(2)) ?? []
    if isWhole {
      try rename(file(2), to: file(0))
      remove(file(1))
    } else if written.count >= lines(of: file(1))?.count ?? 0 {
      try rename(file(2), to: file(1))
    } else {
      remove(file(2))
    }
    return written
  }

  private func file(_ place: Int) -> URL { folder.appendingPathComponent("\(id).\(Self.endings[place])") }

  /// Reads the lines of a file; nil if there is none, or one of something else.
  ///
  /// A killed process may leave a part of a line at the end.
  private func lines(of file: URL) -> [FrameRecord]? {
    guard let data = try? Data(file: file) else { return nil }
    let decoder = JSONDecoder()
    let lines = data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast()
    guard let first = lines.first, (try? decoder.decode(Header.self, from: Data(first))) == header else {
      return nil
    }
    var found: [FrameRecord] = []
    for line in lines.dropFirst() {
      guard let record = try? decoder.decode(FrameRecord.self, from: Data(line)), record.index == found.count
      else { break }
      found.append(record)
    }
    return found
  }

  private func rename(_ file: URL, to other: URL) throws {
    let code = file.withNativePath { old in
      other.withNativePath { new in Foundation.rename(old, new) }
    }
    guard code == 0 else { throw FileError.cannotWrite(other, reason: FileError.systemReason()) }
  }

  private func remove(_ file: URL) { _ = file.withNativePath { unlink($0) } }
}
