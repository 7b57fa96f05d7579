import Datasets
import Foundation
import Imaging
import Storage

/// The kinds of files that are inputs.
enum InputKind {
  case image, dicom, video

  /// The endings of videos, which decide if the content does not.
  private static let videoEndings: Set<String> = [
    "mp4", "m4v", "mov", "mkv", "webm", "avi", "ts", "mts", "m2ts", "mpg", "mpeg",
  ]

  /// Finds the kind of a file that the user named: an image if it is nothing else.
  ///
  /// Reading an image that is none says so.
  init(of url: URL) {
    let isImage =
      ImageFolder.endings.contains(url.pathExtension.lowercased()) || ImageFile.isImage(url)
    self = isImage ? .image : InputKind(ofUnlisted: url) ?? .image
  }

  /// Finds the kind of a file in a folder that has not the ending of an image; nil for no input.
  init?(ofUnlisted url: URL) {
    // A pipe is not looked into.
    guard FileSystem.kind(of: url) == .file, url.lastPathComponent.uppercased() != "DICOMDIR" else {
      return nil
    }
    if DICOMFile.isDICOM(url) {
      self = .dicom
    } else if VideoReader.isVideo(url) || Self.videoEndings.contains(url.pathExtension.lowercased()) {
      self = .video
    } else {
      return nil
    }
  }

  /// Returns the name of a file without its ending.
  ///
  /// Many DICOM files have a UID as their name, whose last number is no ending.
  func name(of url: URL) -> String {
    let isEnding =
      self != .dicom || ["dcm", "dicom", "dic", "ima"].contains(url.pathExtension.lowercased())
    return isEnding ? url.deletingPathExtension().lastPathComponent : url.lastPathComponent
  }
}
