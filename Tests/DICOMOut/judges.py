"""Programs that say whether a derived object is right. A judge that is missing is named and left out."""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

import numpy


def dciodvfy(path):
    """Every line that dciodvfy writes beyond the name of the object's kind; None where it is missing."""
    if shutil.which("dciodvfy") is None:
        return None
    result = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, errors="replace")
    lines = (result.stdout + result.stderr).splitlines()
    return [line for line in lines if line.startswith(("Error", "Warning")) or "Error -" in line]


def highdicom_masks(path, sources):
    """The masks of an object as segment → source → frames × height × width, as highdicom reads them."""
    import highdicom

    object_ = highdicom.seg.segread(str(path))
    masks = {}
    for number in object_.segment_numbers:
        masks[number] = []
        if sources[0].data.get("NumberOfFrames") is None:
            masks[number] = [
                object_.get_pixels_by_source_instance(
                    [source.data.SOPInstanceUID], segment_numbers=[number],
                    assert_missing_frames_are_empty=True)[..., 0]
                for source in sources]
        else:
            for source in sources:
                masks[number].append(object_.get_pixels_by_source_frame(
                    source.data.SOPInstanceUID, list(range(1, source.count + 1)), segment_numbers=[number],
                    assert_missing_frames_are_empty=True)[..., 0])
    return masks


def equal(found, wanted):
    return len(found) == len(wanted) and all(
        a.shape == b.shape and numpy.array_equal(a != 0, b != 0) for a, b in zip(found, wanted))


class Orthanc:
    """An Orthanc on this machine alone with a folder of its own; `with` ends it."""

    plugin = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"

    @staticmethod
    def is_here():
        return Orthanc.program() is not None and os.path.exists(Orthanc.plugin)

    @staticmethod
    def program():
        return shutil.which("Orthanc") or next(
            (p for p in ["/usr/sbin/Orthanc"] if os.path.exists(p)), None)

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.root = f"http://127.0.0.1:{port}/dicom-web"
        configuration = os.path.join(self.folder.name, "orthanc.json")
        with open(configuration, "w") as file:
            json.dump({
                "Name": "check", "StorageDirectory": self.folder.name + "/db",
                "IndexDirectory": self.folder.name + "/db", "HttpServerEnabled": True, "HttpPort": port,
                "RemoteAccessAllowed": False, "AuthenticationEnabled": False, "DicomServerEnabled": False,
                "Plugins": [self.plugin], "ConcurrentJobs": 1,
                "HttpThreadsCount": 2, "DicomWeb": {"Enable": True, "Root": "/dicom-web/"}}, file)
        self.log = open(os.path.join(self.folder.name, "log"), "w")
        self.process = subprocess.Popen(
            [self.program(), configuration], stdout=self.log, stderr=self.log, cwd=self.folder.name)
        for _ in range(300):
            try:
                urllib.request.urlopen(self.root + "/studies", timeout=5).read()
                return self
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.2)
        log = open(self.log.name).read()
        self.__exit__()
        raise RuntimeError("Orthanc did not start: " + log[-2000:])

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        self.folder.cleanup()

    def store(self, path):
        """Stores a file over STOW-RS; whether it was taken."""
        body = b"--part\r\nContent-Type: application/dicom\r\n\r\n" + open(path, "rb").read() + b"\r\n--part--\r\n"
        request = urllib.request.Request(
            self.root + "/studies", data=body, method="POST",
            headers={"Content-Type": 'multipart/related; type="application/dicom"; boundary=part',
                     "Accept": "application/dicom+json"})
        answer = json.loads(urllib.request.urlopen(request, timeout=60).read())
        return bool(answer.get("00081199", {}).get("Value")) and not answer.get("00081198", {}).get("Value")

    def find(self, instance):
        """The SOP Class UIDs of the instances with this UID, over QIDO-RS."""
        request = urllib.request.Request(
            f"{self.root}/instances?SOPInstanceUID={instance}", headers={"Accept": "application/dicom+json"})
        answer = json.loads(urllib.request.urlopen(request, timeout=60).read() or b"[]")
        return [item["00080016"]["Value"][0] for item in answer]
