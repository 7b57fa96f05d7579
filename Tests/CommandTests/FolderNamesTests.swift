import Foundation
import Testing
import Training

@testable import Command

@Suite("Names of files of one stem")
struct FolderNamesTests {
  private func names(_ paths: [String]) -> [String?] {
    let files = paths.map { URL(fileURLWithPath: $0) }
    let names = FolderNames(
      files.map { (name: $0.deletingPathExtension().lastPathComponent, file: $0) })
    return files.map(names.path(of:))
  }

  @Test("As few folders are taken as tell files apart, in any order, and other files keep their stems")
  func folders() {
    let paths = ["/d/a/images/1.png", "/d/b/images/1.png", "/d/b/images/2.png", "/e/a/images/3.png"]
    let wanted = ["a/images/1.png", "b/images/1.png", nil, nil]
    #expect(names(paths) == wanted)
    #expect(names(paths.reversed()) == wanted.reversed())
    #expect(names(["/d/x.jpg", "/d/x.png"]) == ["d/x.jpg", "d/x.png"])
    #expect(names(["/x.png", "/d/x.png"]) == ["/x.png", "d/x.png"])
    #expect(names(["/1/a/x.png", "/2/a/x.png", "/a/x.png"]) == ["1/a/x.png", "2/a/x.png", "a/x.png"])
    #expect(FolderNames.paths(of: URL(fileURLWithPath: "/d/a/1.png")) == ["a/1.png", "d/a/1.png"])
  }

  @Test("A frame keeps its number")
  func frames() {
    let file = URL(fileURLWithPath: "/d/a/study.dcm")
    let frame = PredictionInput(frameOf: file, name: "study-0007", frame: 7) { _ in
      throw CancellationError()
    }
    #expect(frame.named(by: "a/study.dcm").name == "a/study.dcm-0007")
    #expect(PredictionInput(file).named(by: "a/study.dcm").name == "a/study.dcm")
  }
}
