import CVideo

/// FFmpeg, the optional library that reads and writes video.
package enum VideoLibrary {
  /// The version; nil if the program was built without FFmpeg.
  package static var version: String? { video_version().map { String(cString: $0) } }

  /// The licence as an SPDX expression; nil if the program was built without FFmpeg.
  ///
  /// It depends on the options with which FFmpeg was built: Debian's is GPL.
  package static var licence: String? {
    guard let text = video_licence().map({ String(cString: $0) }) else { return nil }
    return switch text {
    case "LGPL version 2.1 or later": "LGPL-2.1-or-later"
    case "LGPL version 3 or later": "LGPL-3.0-or-later"
    case "GPL version 2 or later": "GPL-2.0-or-later"
    case "GPL version 3 or later": "GPL-3.0-or-later"
    default: "LicenseRef-FFmpeg-nonfree"
    }
  }

  /// The encoder of overlay videos: `libx264`, or `mpeg4` where that is missing.
  package static var encoder: String? { video_encoder().map { String(cString: $0) } }

  /// The way to get video into a program that was built without it.
  package static let installation =
    "install libavcodec-dev libavformat-dev libswscale-dev (macOS: brew install ffmpeg), run scripts/bootstrap "
    + "and build again"
}

/// Calls the door to FFmpeg with room for a message.
enum VideoDoor {
  /// Returns the result of a call, and its message.
  static func call(_ body: (UnsafeMutablePointer<CChar>) -> Int32) -> (result: Int, reason: String) {
    var bytes = [UInt8]()
    var result: Int32 = 0
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(VIDEO_MESSAGE_LENGTH)) { room in
      guard let message = room.baseAddress else { return }
      room.initialize(repeating: 0)
      result = body(message)
      bytes = room.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    }
    // Messages may quote bytes of the file.
    let text = String(decoding: bytes, as: UTF8.self).unicodeScalars.map {
      $0.value < 32 || $0.value == 127 ? "?" : String($0)
    }
    return (Int(result), text.joined())
  }

  /// Returns the text in an array of characters of C.
  static func text(_ characters: some Any) -> String {
    withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}
