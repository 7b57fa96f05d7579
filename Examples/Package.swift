// swift-tools-version: 6.0
// Five programs on MCDRL's libraries, as a package of somebody else would hold them.
//
// In a checkout they take the MCDRL around them. scripts/examples gives them a version of it instead, from the git
// repository that MCDRL_URL names: that is what a package of yours does.
import PackageDescription

let url = Context.environment["MCDRL_URL"]
let mcdrl: Package.Dependency =
  if let url { .package(url: url, from: "0.1.0") } else { .package(name: "MCDRL", path: "..") }

/// A library of MCDRL.
func library(_ name: String) -> Target.Dependency { .product(name: name, package: "MCDRL") }

let package = Package(
  name: "Examples",
  platforms: [.macOS(.v14)],
  dependencies: [mcdrl],
  targets: [
    .executableTarget(name: "train", dependencies: [library("Datasets"), library("Training")]),
    .executableTarget(name: "loop", dependencies: [library("Datasets"), library("Training")]),
    .executableTarget(name: "layer", dependencies: [library("Torch")]),
    .executableTarget(name: "infer", dependencies: [library("Imaging"), library("Training")]),
    .executableTarget(
      name: "vrex", dependencies: [library("Command"), library("Segmentation"), library("Torch")]),
  ],
  swiftLanguageModes: [.v6]
)
