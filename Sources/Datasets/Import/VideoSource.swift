import Foundation
import Imaging
import Storage

/// Videos, whose frames are taken by interval or by difference, for annotation.
///
/// Each video is a group, so that its frames stay on one side of a split. The name of a video in a DICOM
/// file comes from the hash of its UID, and its group from the hash of the patient's identifier. The
/// frames have no masks. Black, repeated and damaged frames are never taken.
package enum VideoSource: SourceReader {
  package static let name = "video"
  package static let summary = "frames of videos, every some seconds or where the picture changes"

  /// The reason for a file that is none.
  private static let noVideo = "no video"
  /// A frame's number is filled up to this many digits.
  private static let digits = 6

  package static func recognises(_ source: URL) -> Bool {
    switch FileSystem.kind(of: source) {
    case .file: VideoReader.isVideo(source)
    case .folder:
      ((try? FileSystem.contents(of: source)) ?? []).prefix(8).contains(where: VideoReader.isVideo)
    case .other, nil: false
    }
  }

  package static func listing(_ source: URL, options: ImportOptions) throws -> ImportListing {
    if let every = options.every, !(every > 0) {
      throw ImportError.option("--every", reason: "a number of seconds above 0 is needed")
    }
    if let least = options.difference, !(least > 0 && least <= 1) {
      throw ImportError.option("--difference", reason: "a number above 0, at most 1, is needed")
    }
    var listing = ImportListing()
    // Frames are taken so that people can annotate them.
    listing.keepsUnlabelled = true
    let isFolder = FileSystem.kind(of: source) == .folder
    let files = isFolder ? try FileSystem.contents(of: source) : [source]
    var stems = DistinctStems(files.map(\.lastPathComponent))
    for file in files where !isFolder || !file.lastPathComponent.hasPrefix(".") {
      do {
        guard let video = try FoundVideo(file, isNamed: !isFolder, limits: options.limits, &stems) else {
          listing.leftOut.append(.init(file: file.lastPathComponent, reason: noVideo))
          continue
        }
        options.progress?("looking at \(file.lastPathComponent)")
        try add(video, options, to: &listing)
      } catch VideoError.builtWithout(let file) {
        throw VideoError.builtWithout(file: file)
      } catch let error where isFolder {
        // A bad video does not stop the others.
        let reason = ImportListing.LeftOut.reason(error, of: file)
        listing.leftOut.append(.init(file: file.lastPathComponent, reason: reason))
      }
    }
    guard !listing.items.isEmpty else {
      let first = listing.leftOut.first { $0.reason != noVideo }
      throw ImportError.nothing(
        source, kind: name, reason: first.map { "\($0.file): \($0.reason)" } ?? "there is no video")
    }
    listing.notes.append(
      "the frames have no masks; annotate them, and import the annotations with their format's kind")
    return listing
  }

  private static func add(
    _ video: FoundVideo, _ options: ImportOptions, to listing: inout ImportListing
  ) throws {
    let limits = options.limits
    let file = video.file.lastPathComponent
    let source = try video.open(limits)
    let selection = try FrameSelection(source, every: options.every, difference: options.difference)
    let frames = ChosenFrames(selection.taken) { try video.open(limits) }
    for index in selection.taken {
      let number = String(index)
      let padded = String(repeating: "0", count: max(0, digits - number.count)) + number
      listing.items.append(
        ImportItem(
          stem: "\(video.stem)-\(padded)",
          image: .frame(of: video.file, name: "frame \(index)") { try frames.image(index, of: video.file) },
          mask: .missing, group: video.group))
    }
    listing.notes.append(
      "\(file): \(selection.taken.count) of \(counted(selection.frames, "frame")) taken")
    if source.endedEarly { listing.notes.append("\(file): the file ends before its time; copy it again") }
    if source.undecodedPackets > 0 {
      listing.notes.append(
        "\(file): \(counted(source.undecodedPackets, "packet")) could not be decoded, so frames are missing")
    }
    if selection.taken.isEmpty {
      listing.leftOut.append(.init(file: file, reason: "every frame is black, repeated or damaged"))
    }
  }
}

/// A video of a source.
private struct FoundVideo: Sendable {
  let file: URL
  /// The name of its frames.
  let stem: String
  let group: String
  let isDICOM: Bool

  /// Looks at a file; nil for a file in a folder that is no video.
  ///
  /// - Throws: an error that names the file.
  init?(_ file: URL, isNamed: Bool, limits: ImageLimits, _ stems: inout DistinctStems) throws {
    self.file = file
    isDICOM = DICOMFile.isDICOM(file)
    if isDICOM {
      let object = try DICOMFile(file, limits: limits)
      guard object.isVideo else { throw DICOMError.notAVideo(file: file.path) }
      let uid = object.instanceUID.isEmpty ? file.lastPathComponent : object.instanceUID
      stem = "dicom-" + DICOMObjects.hash(uid)
      group = object.patientGroup ?? stem
    } else {
      guard isNamed || VideoReader.isVideo(file) else { return nil }
      stem = stems.next(file.lastPathComponent)
      group = stem
    }
  }

  /// Opens the video at its beginning.
  ///
  /// - Throws: an error that names the file.
  func open(_ limits: ImageLimits) throws -> VideoReader {
    isDICOM ? try VideoReader(inDICOM: file, limits: limits) : try VideoReader(file, limits: limits)
  }
}
