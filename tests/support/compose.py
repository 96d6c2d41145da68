"""A compose stack whose failing start shows why."""

import subprocess

from testcontainers.compose import DockerCompose

LINES = 30


class LoggedCompose(DockerCompose):
    """Starts services like DockerCompose. The error of a failing start has Docker's message and each container's last
    log lines, taken before the containers are removed."""

    def start(self) -> None:
        try:
            super().start()
        except subprocess.CalledProcessError as error:
            error.add_note((error.stderr or b"").decode(errors="replace"))
            error.add_note(self.last_lines())
            raise

    def last_lines(self) -> str:
        command = [*self.compose_command_property, "logs", "--no-color", "--tail", str(LINES)]
        done = subprocess.run(command, cwd=self.context, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return done.stdout.decode(errors="replace")
