"""``extremeearth serve``: the platform on a port of this machine."""

from __future__ import annotations

import typer

from extremeearth.app.command_line.options import Home, examples, settings_for

__all__ = ["register"]


def register(application: typer.Typer) -> None:
    """Add the command."""
    application.command("serve", epilog=examples("serve", "serve --port 8080 --only hub"))(serve)


def serve(
    home: Home = None,
    host: str | None = typer.Option(
        None, "--host", help="Address to listen on; default: loopback."
    ),
    port: int | None = typer.Option(
        None, "--port", min=0, max=65535, help="Port; default: 8000; 0: any."
    ),
    only: list[str] | None = typer.Option(
        None,
        "--only",
        help="Serve one layer alone: hub, processing, knowledge or product. Can be repeated; default: all.",
    ),
) -> None:
    """Serve the platform until it is stopped with Ctrl-C."""
    from extremeearth.app.platform import Platform
    from extremeearth.app.server import free_port
    from extremeearth.app.server import serve as run
    from extremeearth.app.web_application import LAYERS, create_app

    # jobs ask this server's models by its address, so even "any port" is chosen before anything starts
    settings = settings_for(home, host=host, port=free_port() if port == 0 else port)
    with Platform.open(settings) as platform:
        app = create_app(platform, only=only or LAYERS)
        run(
            app,
            host=settings.host,
            port=settings.port,
            ready=lambda address: typer.echo(f"extremeearth serves on {address}", err=True),
        )
